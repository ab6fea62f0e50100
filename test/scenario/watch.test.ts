import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { tryLock } from "../../src/operations/lock.ts";
import { metricsPath, writeServiceMetrics } from "../../src/operations/metrics/write.ts";
import type { Service } from "../../src/stack/service.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fileCheck, quickCheck, type SmallStack, smallService, smallStack } from "../support/scenario.ts";

const patience = { timeout: 30_000, interval: 50 };
const tmpfs = [{ target: "/tmp", size: 1024 ** 2, mode: "1777" }];
const serve = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done";

/** Healthy as long as a file is there, which its start makes. */
function breakable(name: string, more: Partial<Service> = {}): Service {
  const healthcheck = { ...fileCheck("/tmp/well"), startPeriod: 0, interval: 300, retries: 1 };
  return smallService(name, { tmpfs, healthcheck, command: ["sh", "-c", `touch /tmp/well; ${serve}`], ...more });
}

/** Never healthy. */
function hopeless(name: string, more: Partial<Service> = {}): Service {
  const healthcheck = { ...quickCheck, test: ["CMD", "false"], startPeriod: 0, interval: 300, retries: 1 };
  return smallService(name, { healthcheck, ...more });
}

interface Watching {
  child: ChildProcess;
  said: string[];
  /** Resolves with the exit code or the signal. */
  ended: Promise<number | string>;
}

/** Watches as a program of its own. `pause`: milliseconds after the first restart. */
function startWatch({ directory }: SmallStack, pause = 2_000, env: Record<string, string> = {}): Watching {
  const program = join(import.meta.dirname, "../support/watch-child.ts");
  const child = spawn(process.execPath, ["--import", "tsx", program, directory, String(pause)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, ...env },
  });
  const said: string[] = [];
  child.stdout.on("data", (bytes: Buffer) => said.push(...bytes.toString().trimEnd().split("\n")));
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit").then(([code, signal]) => (code ?? signal) as number | string);
  return { child, said, ended };
}

async function up(stack: SmallStack): Promise<void> {
  const { code, stderr } = await stack.compose("up", "-d");
  if (code !== 0) throw new Error(stderr);
}

/** What happened to services, as it comes: the engine itself forgets it within seconds where checks are frequent. */
interface Happenings {
  /** Times of an action on a service, in milliseconds since 1970. */
  times(service: string, action: string): number[];
}

async function follow({ context, model }: SmallStack): Promise<Happenings> {
  const seen: { service: string; action: string; at: number }[] = [];
  const abort = new AbortController();
  const following = context.engine.events(
    model.name,
    ({ service, action }) => void seen.push({ service, action, at: Date.now() }),
    abort.signal,
  );
  onTestFinished(async () => {
    abort.abort();
    await following;
  });
  return {
    times: (service, action) =>
      seen.filter((one) => one.service === service && one.action === action).map(({ at }) => at),
  };
}

/** When the service was restarted because somebody asked for it. */
async function restartsIn(stack: SmallStack): Promise<(service: string) => number[]> {
  const happened = await follow(stack);
  return (service) => happened.times(service, "restart");
}

/** A door to the engine that can be shut: connections break, and new ones are refused, as while it is restarted. */
async function engineDoor(directory: string): Promise<{ env: Record<string, string>; shut(): void; open(): void }> {
  const path = join(directory, "docker.sock");
  const open = new Set<Socket>();
  let server: Server | undefined;
  const listen = () => {
    server = createServer((inside) => {
      const outside = connect("/var/run/docker.sock");
      for (const [from, to] of [
        [inside, outside],
        [outside, inside],
      ] as const) {
        open.add(from);
        from.pipe(to);
        from.on("error", () => to.destroy());
        from.on("close", () => to.destroy());
      }
    }).listen(path);
  };
  const shut = () => {
    server?.close();
    for (const socket of open) socket.destroy();
    open.clear();
  };
  listen();
  onTestFinished(shut);
  return { env: { DOCKER_HOST: `unix://${path}` }, shut, open: listen };
}

await describeWithDocker("watch", [smallImage], () => {
  test("what turns unhealthy is restarted once; what does not recover again and again, with longer pauses", async () => {
    const stack = await smallStack([breakable("web"), hopeless("sick"), breakable("fine")]);
    const restarts = await restartsIn(stack);
    await up(stack);
    await expect.poll(() => stack.states(), patience).toContain("web running healthy");
    const { said, child, ended } = startWatch(stack);
    await expect.poll(() => restarts("sick"), patience).toHaveLength(1);
    await stack.compose("exec", "-T", "web", "rm", "/tmp/well");
    await expect.poll(() => said, patience).toContain("web is healthy again");
    await expect.poll(() => restarts("sick"), patience).toHaveLength(3);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
    const [first = 0, second = 0, third = 0] = restarts("sick");
    // An event comes some time after what it tells of.
    expect(second - first).toBeGreaterThan(1_500);
    expect(third - second).toBeGreaterThan(3_500);
    expect(restarts("web")).toHaveLength(1);
    expect(restarts("fine")).toHaveLength(0);
    expect(said).toContain(
      "sick was unhealthy; restarted, for the second time in a row. Not again before 4s have passed",
    );
  });

  test("what was stopped stays stopped, and nothing happens while a command is at work", async () => {
    const stack = await smallStack([hopeless("sick"), hopeless("stopped")]);
    const restarts = await restartsIn(stack);
    await up(stack);
    const lock = tryLock(stack.directory, "deploy", Date.now());
    const { said } = startWatch(stack, 300);
    await expect
      .poll(() => said, patience)
      .toContain("sick is unhealthy and left alone: `deploy` is at work on the stack");
    await stack.compose("stop", "-t", "2", "stopped");
    expect(restarts("sick")).toEqual([]);
    if ("release" in lock) lock.release();
    await expect.poll(() => restarts("sick"), patience).toHaveLength(3);
    expect(await stack.states()).toContain("stopped exited 0");
    expect(restarts("stopped")).toEqual([]);
  });

  test("killed in the middle of a restart it leaves a running service, and its pause is kept", async () => {
    const stubborn = { command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], stopGracePeriod: 3_000 };
    const stack = await smallStack([hopeless("sick", stubborn)]);
    const happened = await follow(stack);
    const restarts = (service: string) => happened.times(service, "restart");
    await up(stack);
    const first = startWatch(stack, 60_000);
    await expect.poll(() => happened.times("sick", "kill"), patience).toHaveLength(1);
    first.child.kill("SIGKILL");
    expect(await first.ended).toBe("SIGKILL");
    const second = startWatch(stack, 60_000);
    await expect.poll(() => restarts("sick"), patience).toHaveLength(1);
    const waits =
      "sick is unhealthy and left alone: restarted once without success; the next time not before 1m have passed";
    await expect.poll(() => second.said, patience).toContain(waits);
    await expect.poll(() => stack.states(), patience).toEqual(["sick running unhealthy"]);
    const third = startWatch(stack);
    expect(await third.ended).toBe(1);
    expect(third.said.join()).toMatch(/^failed: This stack is watched already, by process \d+/);
    second.child.kill("SIGTERM");
    expect(await second.ended).toBe(0);
    expect(restarts("sick")).toHaveLength(1);
  });

  test("an engine that goes away is waited for", async () => {
    const stack = await smallStack([breakable("web")]);
    await up(stack);
    await expect.poll(() => stack.states(), patience).toEqual(["web running healthy"]);
    const door = await engineDoor(stack.directory);
    const { said, child, ended } = startWatch(stack, 2_000, door.env);
    await expect.poll(() => said.join(), patience).toMatch(/^watching/);
    door.shut();
    await expect.poll(() => said.join("\n"), patience).toMatch(/^looking: .*engine.*; trying again$/m);
    await stack.compose("exec", "-T", "web", "rm", "/tmp/well");
    door.open();
    await expect.poll(() => said, patience).toContain("web is healthy again");
    expect(said).toContain("looking: works again");
    door.shut();
    child.kill("SIGTERM");
    const begun = Date.now();
    expect(await ended).toBe(0);
    expect(Date.now() - begun).toBeLessThan(2_000);
  });

  test("kills for memory and crashes between two looks are counted, in a file that everybody may read", async () => {
    const eatOnce = "if [ ! -e /state/eaten ]; then touch /state/eaten; sleep 1; exec tail /dev/zero; fi";
    const mounts = [{ kind: "volume" as const, volume: "state", target: "/state", readOnly: false }];
    const limits = { cpus: 0.5, memory: 16 * 1024 ** 2, pids: 32 };
    const stack = await smallStack(
      [
        smallService("hungry", { command: ["sh", "-c", `${eatOnce}; ${serve}`], mounts, user: "0:0", limits }),
        smallService("crash", { command: ["sh", "-c", "sleep 0.3; exit 3"] }),
        smallService("calm"),
      ],
      { volumes: [{ name: "state", component: "hungry", about: "State." }] },
    );
    await writeServiceMetrics(stack.context);
    await up(stack);
    const inspected = async (service: string) => {
      const { containers } = await stack.context.engine.observe(stack.model.name);
      return containers.find((container) => container.service === service);
    };
    const path = metricsPath(stack.context);
    const value = (name: string, service: string) =>
      new RegExp(`^create_stack_${name}\\{[^}]*service="${service}"[^}]*\\} (.*)$`, "m").exec(
        readFileSync(path, "utf8"),
      )?.[1];
    // Soon after it happened: of an engine on which much happens the memory of events is short.
    const oomKills = async () => {
      await writeServiceMetrics(stack.context);
      return value("container_oom_kills_total", "hungry");
    };
    // The kernel may have to kill more than once before there is room: the health check runs in the same limit.
    await expect.poll(async () => Number(await oomKills()), patience).toBeGreaterThanOrEqual(1);
    await expect.poll(async () => (await inspected("crash"))?.restarts, patience).toBeGreaterThanOrEqual(3);
    await stack.compose("restart", "-t", "2", "calm");
    await stack.compose("stop", "-t", "2", "crash");
    const before = (await inspected("crash"))?.restarts;
    const killed = await oomKills();
    // The counters go on when the containers are others.
    await stack.compose("up", "-d", "--force-recreate", "-t", "2", "hungry");
    await writeServiceMetrics(stack.context);
    expect(value("container_oom_kills_total", "hungry")).toBe(killed);
    expect(value("container_restarts_total", "hungry")).toBe("1");
    expect(value("container_restarts_total", "crash")).toBe(String(before));
    expect(value("container_restarts_total", "calm")).toBe("0");
    expect(value("container_oom_kills_total", "crash")).toBe("0");
    expect(Number(value("container_memory_bytes", "calm"))).toBeGreaterThan(10_000);
    expect(Number(value("container_cpu_seconds_total", "calm"))).toBeGreaterThan(0);
    expect(value("container_cpu_limit", "calm")).toBe("0.5");
  });
});
