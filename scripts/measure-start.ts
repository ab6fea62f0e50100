import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** How long `create-stack --help` takes beside a bare Node.js, run in turn so that both meet the same machine. */
const program = join(import.meta.dirname, "../dist/create-stack.mjs");
const contenders: [name: string, args: string[]][] = [
  ["node -e 0", ["-e", "0"]],
  ["create-stack --help", [program, "--help"]],
];
const rounds = Number(process.argv[2] ?? 40);

const times = contenders.map((): number[] => []);
for (let round = 0; round < rounds; round += 1) {
  contenders.forEach(([, args], index) => {
    const before = process.hrtime.bigint();
    spawnSync(process.execPath, args, { stdio: "ignore" });
    times[index]?.push(Number(process.hrtime.bigint() - before) / 1e6);
  });
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const [bare = [], ours = []] = times;
const least = (values: readonly number[]) => Math.min(...values);
contenders.forEach(([name], index) => {
  const values = times[index] ?? [];
  process.stdout.write(
    `${name.padEnd(20)} median ${median(values).toFixed(1)} ms, least ${least(values).toFixed(1)} ms\n`,
  );
});
process.stdout.write(
  `ratio of medians ${(median(ours) / median(bare)).toFixed(2)}, of the least ${(least(ours) / least(bare)).toFixed(2)} (budget 1.30)\n`,
);
