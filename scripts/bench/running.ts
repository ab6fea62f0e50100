import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { line } from "./generating.ts";
import { measure, median, timeOf } from "./measure.ts";
import type { Line } from "./report.ts";

interface Place {
  program: string;
  root: string;
  scratch: string;
  rounds: number;
  /** Starts of each kind; a start takes as long as its slowest server. */
  starts: number;
}

/** Starting and looking at a stack like the demo's, under a name and on ports of its own, against Compose by hand. */
export function benchRunning(place: Place): Line[] {
  const folder = join(place.scratch, "running");
  makeStack(place, folder);
  const bundle = join(folder, ".stack/create-stack.mjs");
  const down = () => compose(folder, "down", "--volumes", "--timeout", "5");
  try {
    down();
    const [start, plain] = benchStart(place, folder, bundle, down);
    return [start, ...benchStatus(place, folder, bundle), plain].filter((each) => each !== undefined);
  } finally {
    down();
  }
}

function benchStart({ starts }: Place, folder: string, bundle: string, down: () => void): [Line, Line] {
  const ours = {
    name: "start",
    argv: [process.execPath, bundle, "start", "--yes", "--no-pull"],
    cwd: folder,
    before: down,
  };
  const byHand = { name: "by hand", argv: ["sh", "-c", upAndWait], cwd: folder, before: down };
  const found = measure([ours, byHand], starts);
  const against = "docker compose up -d + wait loop";
  const bare = { name: "node", argv: [process.execPath, "-e", "0"] };
  return [
    line("start, from nothing", found.get("start"), against, [found.get("by hand")], 1.05),
    line(against, found.get("by hand"), "node -e 0", [{ median: median([timeOf(bare), timeOf(bare), timeOf(bare)]) }]),
  ];
}

/** What a careful person would type: up, then ask every tenth of a second until all that has a health check is healthy. */
const upAndWait = `
set -eu
docker compose up -d --quiet-pull
until [ -z "$(docker compose ps -q | xargs docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}' | grep -v '^healthy$')" ]; do
  sleep 0.1
done
`;

function benchStatus({ rounds }: Place, folder: string, bundle: string): Line[] {
  const bare = { name: "node", argv: [process.execPath, "-e", "0"] };
  const ps = { name: "ps", argv: ["docker", "compose", "ps"], cwd: folder };
  const status = { name: "status", argv: [process.execPath, bundle, "status"], cwd: folder, accepted: [0, 4] };
  const door = { name: "door", argv: ["./prod.sh", "status"], cwd: folder, accepted: [0, 4] };
  const found = measure([bare, ps, status, door], rounds);
  const allowed = [found.get("node"), found.get("ps")];
  const against = "node -e 0 + docker compose ps";
  return [
    line("status", found.get("status"), against, allowed, 1),
    line("the same through ./prod.sh status", found.get("door"), against, allowed),
    line("docker compose ps", found.get("ps"), "node -e 0", [found.get("node")]),
  ];
}

function makeStack({ program, root, scratch }: Place, folder: string): void {
  const preset = readFileSync(join(root, "stacks/demo/stack.yaml"), "utf8");
  const config = join(scratch, "running.yaml");
  writeFileSync(
    config,
    preset
      .replace(/^name: .*$/m, `name: bench-${process.pid}`)
      .replace("traefik: {}", "traefik: { ports: { http: 18080, https: 18443 } }"),
  );
  rmSync(folder, { recursive: true, force: true });
  runOrThrow(process.execPath, [program, "create", "--config", config, "--dir", folder, "--yes"]);
}

function compose(folder: string, ...words: string[]): void {
  runOrThrow("docker", ["compose", ...words], folder);
}

function runOrThrow(program: string, words: readonly string[], cwd?: string): void {
  const run = spawnSync(program, words, { cwd, encoding: "utf8", timeout: 180_000 });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${run.status}:\n${run.stderr}`);
}

/** Why the part that needs an engine cannot run; undefined where it can. */
export function whyNotRunning(): string | undefined {
  if (spawnSync("docker", ["info"], { stdio: "ignore" }).status !== 0) return "no Docker engine answers";
  if (spawnSync("docker", ["image", "inspect", "create-stack/demo:1.0.0"], { stdio: "ignore" }).status !== 0)
    return "the image create-stack/demo:1.0.0 is not here (./prod.sh demo makes it)";
  return undefined;
}
