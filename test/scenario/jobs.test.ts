import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { connectEngine } from "../../src/engine/connect.ts";
import { noteJobRun, readJobRuns } from "../../src/operations/jobs/history.ts";
import { tendJobs } from "../../src/operations/jobs/tend.ts";
import { viewJobs } from "../../src/operations/jobs/view.ts";
import { runStart } from "../../src/operations/start.ts";
import { runStatus } from "../../src/operations/status.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type GeneratedStack, generatedStack } from "../support/generated-stack.ts";

const root = join(import.meta.dirname, "../..");
const minute = 60_000;
const rarely = 'schedule: "0 0 29 2 *"';
const components = `
  web: { type: app, image: "${smallImage}", user: "1000:1000", env: { GREETING: hello }, command: [sleep, 1d], stopGrace: 1s }
  greet: { type: job, of: web, schedule: "* * * * *", command: [sh, -c, 'echo "$GREETING, $NAME"'], env: { NAME: world } }
  broken: { type: job, image: "${smallImage}", ${rarely}, command: [sh, -c, "echo oh no >&2; exit 3"] }
  long: { type: job, image: "${smallImage}", ${rarely}, timeout: 2m, stopGrace: 1s, command: [sh, -c, "trap '' TERM; echo begun; sleep 600"] }
`;

await describeWithDocker("jobs", [smallImage], () => {
  let stack: GeneratedStack;

  beforeAll(async () => {
    stack = await generatedStack((await connectEngine()).engine, components);
    await runStart(stack.context());
  });
  afterAll(() => stack?.remove());

  /** What `schedule run` does with jobs, so much later than now. */
  const tend = async (later = 0) => {
    const context = stack.context();
    const clock = { ...context.clock, now: () => Date.now() + later };
    return (await tendJobs({ ...context, clock })).lines.map((line) => line.replace(/ \(run .*/, ""));
  };
  const runs = (job: string) => readJobRuns(stack.directory, job);
  const oneOffs = async (job: string) => (await stack.containers(job)).filter(({ oneOff }) => oneOff);

  /** The program itself, in a process that can be killed. */
  function program(...args: string[]) {
    const argv = ["--import", "tsx", join(root, "src/cli/main.ts"), ...args, "--dir", stack.directory];
    const child = spawn(process.execPath, argv, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += String(data)));
    const ended = once(child, "close").then(([code]) => ({ code: code as number | null, output }));
    const says = (text: string) => expect.poll(() => output, { timeout: 60_000 }).toContain(text);
    return { child, ended, says };
  }

  test("one of an app begins at its minute with the app's environment, and its end is noted with what it printed", async () => {
    expect(await tend()).toEqual([]);
    expect(await tend(minute)).toEqual(["greet: begun"]);
    const state = async () => (await oneOffs("greet"))[0]?.state;
    await expect.poll(state, { timeout: 30_000 }).toBe("exited");
    expect((await tend(minute))[0]).toMatch(/^greet: ended well after/);
    expect(await oneOffs("greet")).toEqual([]);
    expect(await program("job", "logs", "greet").ended).toMatchObject({
      code: 0,
      output: expect.stringContaining("hello, world\n"),
    });
    const [job] = viewJobs(stack.context());
    expect(job).toMatchObject({ name: "greet", last: { outcome: "ok", cause: "schedule", exitCode: 0 } });
  });

  test("one that fails by hand says so, with its exit code, its output and in status", async () => {
    const { code, output } = await program("job", "run", "broken").ended;
    expect(code).toBe(4);
    expect(output).toMatch(/oh no[\s\S]*broken failed with exit code 3/);
    const { problems } = await runStatus(stack.context());
    expect(problems).toContainEqual({
      subject: "broken",
      message: expect.stringMatching(/^the job broken failed with exit code 3/),
      hint: "./prod.sh job logs broken",
    });
  });

  test("a supervisor that is killed leaves the run at work: nothing runs twice, and out of time it is stopped", async () => {
    const { child, ended, says } = program("job", "run", "long");
    await says("begun");
    child.kill("SIGKILL");
    await ended;
    expect(await oneOffs("long")).toMatchObject([{ state: "running" }]);
    // Somebody else asks for it, and the schedule looks: it is the one that is there.
    expect(await program("job", "run", "long").ended).toMatchObject({
      code: 11,
      output: expect.stringContaining("long cannot run now: it is at work already"),
    });
    await tend(minute);
    expect(await oneOffs("long")).toHaveLength(1);
    expect(runs("long")).toMatchObject([{ outcome: "running" }]);
    const lines = await tend(3 * minute);
    expect(lines).toContainEqual(expect.stringMatching(/^long: FAILED: took longer than it may and was stopped after/));
    expect(runs("long")).toMatchObject([{ outcome: "timed-out", exitCode: 137 }]);
    expect(await oneOffs("long")).toEqual([]);
  });

  test("Ctrl-C stops it", async () => {
    const { child, ended, says } = program("job", "run", "long");
    await says("begun");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130 });
    expect(runs("long").at(-1)).toMatchObject({ outcome: "interrupted", cause: "hand" });
    expect(await oneOffs("long")).toEqual([]);
  });

  test("a stop of the stack ends it too", async () => {
    const { ended, says } = program("job", "run", "long");
    await says("begun");
    expect(await program("stop").ended).toMatchObject({ code: 0 });
    expect(await ended).toMatchObject({ code: 130 });
    expect(runs("long").at(-1)).toMatchObject({ outcome: "interrupted", cause: "hand" });
    expect(await oneOffs("long")).toEqual([]);
    expect(await program("start").ended).toMatchObject({ code: 0 });
  });

  test("one whose container is gone is lost, and said to be", async () => {
    const startedAt = new Date(Date.now() - 5 * minute).toISOString();
    noteJobRun(stack.directory, "long", {
      id: "20990101t000000z-0000",
      cause: "schedule",
      startedAt,
      outcome: "running",
    });
    expect(await tend()).toContainEqual(expect.stringMatching(/^long: FAILED: was lost/));
    expect((await program("job", "list").ended).code).toBe(4);
  });
});
