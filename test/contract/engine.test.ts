import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine, ExecResult, PastEvent } from "../../src/engine/engine.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fakeEngine } from "../support/fake-engine.ts";

/** What the suite needs beside the engine itself: containers to look at. */
interface Bench {
  engine: Engine;
  project: string;
  /** An image that the engine has. */
  image: string;
  /** A container that runs until stopped and ends at once on SIGTERM. */
  running(service: string, number?: number): Promise<string>;
  /** A container that prints lines (`!` before those for stderr) and ends. */
  ending(service: string, lines: readonly string[], exitCode: number): Promise<string>;
  tidy(): Promise<void>;
}

const failing = ["sh", "-c", "echo out; echo err >&2; exit 3"];

function suite(open: () => Bench): void {
  let bench: Bench;
  let engine: Engine;
  beforeAll(() => {
    bench = open();
    engine = bench.engine;
  });
  afterAll(() => bench.tidy());

  test("tells its version and the machine it runs on", async () => {
    const info = await engine.info();
    expect(info.version).toMatch(/^\d+\.\d+/);
    expect(info.architecture).toMatch(/^[a-z0-9]+$/);
    expect(info.memory).toBeGreaterThan(0);
    expect(info.dataRoot).toMatch(/^\//);
  });

  test("observes the project's containers, running and ended, in order of service and number", async () => {
    await bench.running("web", 2);
    await bench.running("web", 1);
    const ended = await bench.ending("init", ["ready"], 3);
    await engine.waitForExit(ended);
    const { containers } = await engine.observe(bench.project);
    expect(containers.map(({ service, state }) => `${service} ${state}`)).toEqual([
      "init exited",
      "web running",
      "web running",
    ]);
    expect(containers[0]).toMatchObject({ exitCode: 3, oomKilled: false, restarts: 0, oneOff: false });
    expect(containers[1]?.name).toContain("1");
    expect(containers[1]?.startedAt).toBeGreaterThan(0);
    expect((await engine.observe("another-project")).containers).toEqual([]);
    expect(await engine.inspect(ended)).toEqual(containers[0]);
  });

  test("knows nothing of a container or image that is not there", async () => {
    expect(await engine.inspect("0123456789ab")).toBeUndefined();
    expect(await engine.image("no-such-image:1")).toBeUndefined();
    expect((await engine.image(bench.image))?.architecture).toMatch(/^[a-z0-9]+$/);
  });

  test("hands over every line of a container before following it resolves", async () => {
    const lines = Array.from({ length: 3_000 }, (_, number) => `line ${number} äöü€😀`);
    const id = await bench.ending("talker", lines, 0);
    const seen: string[] = [];
    await engine.followLogs(id, (line) => seen.push(line));
    expect(seen).toEqual(lines);
    expect(await engine.logTail(id, 2)).toEqual(lines.slice(-2));
  });

  test("keeps stdout and stderr apart", async () => {
    const id = await bench.ending("both", ["good", "!bad"], 0);
    const seen: string[] = [];
    await engine.followLogs(id, (line, stream) => seen.push(`${stream}: ${line}`));
    expect(seen.sort()).toEqual(["stderr: bad", "stdout: good"]);
  });

  test("stops following when aborted", async () => {
    const id = await bench.running("silent");
    const abort = new AbortController();
    const following = engine.followLogs(id, () => {}, abort.signal);
    const waiting = engine.waitForExit(id, abort.signal);
    abort.abort(new Error("enough"));
    const outcomes = await Promise.allSettled([following, waiting]);
    expect(outcomes).toMatchObject([{ reason: { message: "enough" } }, { reason: { message: "enough" } }]);
  });

  test("tells the exit code of a container that ends", async () => {
    const id = await bench.ending("seven", [], 7);
    expect(await engine.waitForExit(id)).toEqual({ exitCode: 7, oomKilled: false });
  });

  test("runs a command in a container", async () => {
    const id = await bench.running("worker");
    expect(await engine.exec(id, failing)).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
    const echoed = await engine.exec(id, ["cat"], { input: "first\nsecond ö\n" });
    expect(echoed).toEqual({ exitCode: 0, stdout: "first\nsecond ö\n", stderr: "" });
  });

  test("talks to a command line by line until it is closed", async () => {
    const id = await bench.running("talkative");
    const talk = await engine.openExec(id, ["cat"]);
    talk.write("one\n");
    expect(await talk.readLine()).toBe("one");
    talk.write("two\n");
    expect(await talk.readLine()).toBe("two");
    const end = talk.readLine();
    await talk.close();
    expect(await end).toBeUndefined();
    expect(await talk.readLine()).toBeUndefined();
  });

  test("measures the memory and processor time of what runs and leaves out what does not", async () => {
    const id = await bench.running("hungry");
    const ended = await bench.ending("gone", [], 0);
    await engine.waitForExit(ended);
    const use = await engine.resourceUse([id, ended, "0123456789ab"]);
    expect([...use.keys()]).toEqual([id]);
    expect(use.get(id)?.memory).toBeGreaterThan(0);
    expect(use.get(id)?.cpu).toBeGreaterThan(0);
  });

  test("stops, kills and removes, and does not mind what is already so", async () => {
    const stopped = await bench.running("stopped");
    await engine.stop(stopped, 10);
    expect(await engine.inspect(stopped)).toMatchObject({ state: "exited" });
    await engine.stop(stopped, 10);
    await engine.kill(stopped, "SIGKILL");
    const killed = await bench.running("killed");
    await engine.kill(killed, "SIGKILL");
    expect(await engine.waitForExit(killed)).toMatchObject({ exitCode: 137 });
    await engine.remove(killed);
    expect(await engine.inspect(killed)).toBeUndefined();
    await engine.remove(killed);
    await engine.stop(killed, 1);
    await engine.kill(killed, "SIGTERM");
  });

  test("restarts what runs and what has ended, and does not mind what is gone", async () => {
    const id = await bench.running("restarted");
    await engine.stop(id, 10);
    await engine.restart(id);
    const first = await engine.inspect(id);
    expect(first).toMatchObject({ state: "running" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await engine.restart(id);
    const second = await engine.inspect(id);
    expect(second).toMatchObject({ state: "running", restarts: 0 });
    expect(second?.startedAt).toBeGreaterThan(first?.startedAt ?? Number.POSITIVE_INFINITY);
    await engine.remove(id);
    await engine.restart(id);
  });

  test("tells of events until aborted", async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const listening = engine.events(
      bench.project,
      ({ service, action }) => seen.push(`${service} ${action}`),
      abort.signal,
    );
    const complete = () => seen.includes("flash start") && seen.includes("flash die");
    // The engine does not say from when on it tells: the light flashes until it was seen.
    while (!complete()) {
      const id = await bench.ending("flash", [], 0);
      await engine.waitForExit(id);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    abort.abort();
    await listening;
    expect(seen.indexOf("flash die")).toBeGreaterThan(-1);
  });

  test("tells what happened since a moment, also to what is gone, and from when on it knows", async () => {
    const before = Date.now() - 1;
    const id = await bench.running("eventful");
    await engine.exec(id, ["true"]);
    await engine.stop(id, 10);
    await engine.remove(id);
    const mineOf = async () =>
      (await engine.pastEvents(bench.project, before)).events.filter((event) => event.id === id);
    // The engine tells of a removal when it comes to it, soon after it has answered.
    await expect
      .poll(async () => happenings(await mineOf()), { timeout: 10_000 })
      .toEqual(["eventful start", "eventful kill 15", "eventful die", "eventful destroy"]);
    const { events, knownFrom } = await engine.pastEvents(bench.project, before);
    const mine = events.filter((event) => event.id === id);
    expect(mine.every(({ at, oneOff, action }) => at > before && !oneOff && !action.startsWith("exec"))).toBe(true);
    expect(knownFrom).toBeLessThanOrEqual(mine[0]?.at ?? 0);
    const last = events.at(-1)?.at ?? 0;
    expect((await engine.pastEvents(bench.project, last)).events).toEqual([]);
    expect((await engine.pastEvents("another-project", before)).events).toEqual([]);
  });
}

function happenings(events: readonly PastEvent[]): string[] {
  return events
    .filter(({ action }) => ["start", "kill", "die", "destroy"].includes(action))
    .map(({ service, action, signal }) => [service, action, ...(signal === undefined ? [] : [signal])].join(" "));
}

function fakeBench(): Bench {
  const engine = fakeEngine();
  const project = "contract";
  engine.images.set(smallImage, { id: "sha256:1", architecture: "amd64", size: 1, digests: [] });
  const run = (command: readonly string[], input: string): ExecResult =>
    command === failing
      ? { exitCode: 3, stdout: "out\n", stderr: "err\n" }
      : { exitCode: 0, stdout: input, stderr: "" };
  return {
    engine,
    project,
    image: smallImage,
    running: async (service, number = 1) => engine.add({ service, project, name: `${service}-${number}`, run }),
    async ending(service, lines, exitCode) {
      const id = engine.add({ service, project });
      for (const line of lines) engine.print(id, line.replace(/^!/, ""), line.startsWith("!") ? "stderr" : "stdout");
      engine.change(id, { state: "exited", exitCode }, "die");
      return id;
    },
    async tidy() {},
  };
}

function realBench(engine: Engine): Bench {
  const project = `contract-${randomBytes(3).toString("hex")}`;
  const start = (service: string, number: number, script: string): string => {
    const labels = [
      `com.docker.compose.project=${project}`,
      `com.docker.compose.service=${service}`,
      `com.docker.compose.container-number=${number}`,
    ].flatMap((label) => ["--label", label]);
    const argv = ["run", "-d", "--stop-timeout", "5", "--network", "none", ...labels];
    argv.push("--name", `${project}-${service}-${number}-${randomBytes(2).toString("hex")}`);
    return execFileSync("docker", [...argv, smallImage, "sh", "-c", script], { encoding: "utf8" }).trim();
  };
  return {
    engine,
    project,
    image: smallImage,
    running: async (service, number = 1) =>
      start(service, number, "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"),
    async ending(service, lines, exitCode) {
      const text = lines.filter((line) => !line.startsWith("!")).join("\n");
      const errors = lines.filter((line) => line.startsWith("!")).map((line) => `echo '${line.slice(1)}' >&2`);
      const script = [text === "" ? ":" : `cat <<'END'\n${text}\nEND`, ...errors, `exit ${exitCode}`];
      return start(service, 1, script.join("\n"));
    },
    async tidy() {
      const { containers } = await engine.observe(project);
      await Promise.all(containers.map(({ id }) => engine.remove(id)));
    },
  };
}

describe("fake engine", () => suite(fakeBench));

await describeWithDocker("real engine", [smallImage], (engine) => {
  suite(() => realBench(engine));

  test("a command's input is closed when the program that opened it is killed", async () => {
    const bench = realBench(engine);
    try {
      const id = await bench.running("host");
      const marker = `marker-${randomBytes(4).toString("hex")}`;
      const counting = () => engine.exec(id, ["sh", "-c", `ps | grep -v grep | grep -c ${marker}`]);
      const { killed } = await openAndDie(id, ["sh", "-c", `: ${marker}; cat; echo over > /tmp/over`], counting);
      expect(killed).toBe("SIGKILL");
      await expect
        .poll(async () => (await engine.exec(id, ["cat", "/tmp/over"])).stdout, { timeout: 5_000 })
        .toBe("over\n");
    } finally {
      await bench.tidy();
    }
  });
});

/** Opens an exec from another process, waits until the command runs, and kills that process. */
async function openAndDie(
  id: string,
  command: string[],
  count: () => Promise<ExecResult>,
): Promise<{ killed: unknown }> {
  const script = `
    import { connectEngine } from ${JSON.stringify(new URL("../../src/engine/connect.ts", import.meta.url).href)};
    const { engine } = await connectEngine();
    await engine.openExec(${JSON.stringify(id)}, ${JSON.stringify(command)});
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], { stdio: "inherit" });
  const ended = once(child, "exit");
  await expect.poll(async () => Number((await count()).stdout), { timeout: 15_000 }).toBeGreaterThan(0);
  child.kill("SIGKILL");
  const [, signal] = await ended;
  return { killed: signal };
}
