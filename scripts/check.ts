import { spawn } from "node:child_process";

/** Every check that needs no engine, side by side; the output of those that fail is shown whole. `--no-tests` leaves out the tests. */
const checks: [name: string, argv: string[]][] = [
  ["types", ["npx", "tsc", "--noEmit"]],
  ["lint and format", ["npx", "biome", "check", "--error-on-warnings"]],
  ["unused code", ["npx", "knip", "--no-progress"]],
  ["unit and architecture tests", ["npx", "vitest", "run", "--project", "unit", "--reporter=dot"]],
];

interface Outcome {
  name: string;
  seconds: number;
  passed: boolean;
  output: string;
}

function runCheck(name: string, [program = "", ...rest]: string[]): Promise<Outcome> {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (bytes: Buffer) => (output += bytes.toString()));
    child.on("close", (code) => resolve({ name, seconds: (Date.now() - started) / 1000, passed: code === 0, output }));
  });
}

const wanted = checks.filter(([name]) => !(process.argv.includes("--no-tests") && name.includes("tests")));
const outcomes = await Promise.all(wanted.map(([name, argv]) => runCheck(name, argv)));
for (const { name, seconds, passed, output } of outcomes) {
  process.stdout.write(`${passed ? "ok  " : "FAIL"} ${name} (${seconds.toFixed(1)} s)\n`);
  if (!passed) process.stdout.write(`${output}\n`);
}
process.exitCode = outcomes.every((outcome) => outcome.passed) ? 0 : 1;
