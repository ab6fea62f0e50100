import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { whyNoBackups } from "./backup-stack.ts";
import { benchBackups } from "./backups.ts";
import { benchGenerate, benchGrowth, benchHelp } from "./generating.ts";
import { isMissed, type Line, table } from "./report.ts";
import { benchRoundTrip } from "./round-trip.ts";
import { benchRunning, whyNotRunning } from "./running.ts";

/**
 * `npm run bench [-- --quick] [-- help generate growth running backups round-trip]`: times the built program side by side with
 * what a user would type by hand, in one run, and prints a table. Ends with 1 where a target is missed. `--size=5000` is how
 * many megabytes the volume has that is copied. The round trip of 5 GB is left out of a quick run where it is not named.
 */
const words = process.argv.slice(2);
const quick = words.includes("--quick");
const wanted = words.filter((word) => !word.startsWith("--"));
const sizeWord = words.find((word) => word.startsWith("--size="))?.slice("--size=".length);
const size = sizeWord === undefined ? undefined : Number(sizeWord);
const root = join(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "create-stack-bench-"));
const place = {
  root,
  scratch,
  program: join(root, "dist/create-stack.mjs"),
  rounds: quick ? 5 : 15,
  starts: quick ? 1 : 5,
};

const sections: Record<string, () => Line[]> = {
  help: () => benchHelp(place),
  generate: () => benchGenerate(place),
  growth: () => benchGrowth({ ...place, rounds: quick ? 1 : 5 }),
  backups: () =>
    withBackups(() => benchBackups({ ...place, rounds: quick ? 1 : 3, size: size ?? (quick ? 800 : 2_000) })),
  "round-trip": () =>
    quick && wanted.length === 0 ? [] : withBackups(() => benchRoundTrip({ ...place, size: size ?? 5_000 })),
  running: () => {
    const missing = whyNotRunning();
    if (missing === undefined) return benchRunning(place);
    process.stderr.write(`skipped: start and status (${missing})\n`);
    return [];
  },
};

function withBackups(bench: () => Line[]): Line[] {
  const missing = whyNoBackups();
  if (missing === undefined) return bench();
  process.stderr.write(`skipped: backups (${missing})\n`);
  return [];
}

const unknown = wanted.find((word) => !(word in sections));
if (unknown !== undefined) throw new Error(`unknown part ${unknown}; known: ${Object.keys(sections).join(", ")}`);

const built = spawnSync("npm", ["run", "--silent", "build"], { cwd: root, encoding: "utf8" });
if (built.status !== 0) throw new Error(`npm run build failed:\n${built.stdout}${built.stderr}`);

const lines: Line[] = [];
try {
  for (const [name, run] of Object.entries(sections)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    process.stderr.write(`${name} …\n`);
    lines.push(...run());
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.stdout.write(`${table(lines)}\n`);
const missed = lines.filter(isMissed);
process.stdout.write(missed.length === 0 ? "every target met\n" : `${missed.length} of the targets missed\n`);
process.exitCode = missed.length === 0 ? 0 : 1;
