import { rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { issueCertificate, localAuthority } from "../../src/generator/certificates.ts";
import { openJournal } from "../../src/operations/journal.ts";
import { tryLock } from "../../src/operations/lock.ts";
import { exitOfStatus, runStatus, watchStatus } from "../../src/operations/status.ts";
import { systemClock } from "../../src/support/clock.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { fileCheck, type SmallStack, smallService, smallStack } from "../support/scenario.ts";

/** Services with their states, then what is said, as text to compare; times are left out. */
async function told(stack: SmallStack): Promise<string[]> {
  const report = await runStatus(stack.context);
  return [
    ...report.services.map(({ name, state, replicas }) => `${name} ${state} ${replicas.running}/${replicas.wanted}`),
    ...report.problems.map(({ message, hint }) => `${message} -> ${hint}`.replace(/, \d+s ago/, "")),
    exitOfStatus(report),
  ];
}

async function up(stack: SmallStack): Promise<void> {
  const { code, stderr } = await stack.compose("up", "-d");
  if (code !== 0) throw new Error(stderr);
}

const patience = { timeout: 20_000, interval: 100 };

await describeWithDocker("status", [smallImage], () => {
  test("a stack that is not started, healthy, stopped and gone again", async () => {
    const stack = await smallStack([
      smallService("init", { class: "one-shot", command: ["true"] }),
      smallService("db", { dependsOn: [{ service: "init", condition: "service_completed_successfully" }] }),
      smallService("web", { replicas: 2 }),
      smallService("web-migrate", { class: "job" }),
    ]);
    expect((await told(stack)).slice(3)).toEqual(["the stack is not started -> ./prod.sh start", "unhealthy"]);
    await up(stack);
    await expect
      .poll(() => told(stack), patience)
      .toEqual(["init done 0/0", "db healthy 1/1", "web healthy 2/2", "done"]);
    const report = await runStatus(stack.context);
    const web = report.services.find(({ name }) => name === "web");
    expect(web?.memory?.used).toBeGreaterThan(10_000);
    expect(web?.memory?.limit).toBe(64 * 1024 ** 2);
    expect(web?.uptime).toBeLessThan(60);
    expect(report.host.disk?.free).toBeGreaterThan(0);
    await stack.compose("stop", "-t", "1");
    expect((await told(stack)).slice(3)).toEqual(["the stack is stopped -> ./prod.sh start", "unhealthy"]);
    await stack.compose("down");
    expect((await told(stack)).slice(3)).toEqual(["the stack is not started -> ./prod.sh start", "unhealthy"]);
  });

  test("unhealthy, with what its check said", async () => {
    const check = { ...fileCheck("/tmp/ready"), startPeriod: 0, retries: 1, interval: 300 };
    const stack = await smallStack([
      smallService("web", {
        healthcheck: { ...check, test: ["CMD-SHELL", "echo the queue is stuck; exit 1"] },
      }),
      smallService("db"),
    ]);
    await up(stack);
    await expect
      .poll(() => told(stack), patience)
      .toEqual([
        "web unhealthy 1/1",
        "db healthy 1/1",
        "web is unhealthy: the queue is stuck -> ./prod.sh logs web --tail 50",
        "unhealthy",
      ]);
  });

  test("crashing in a loop, failed one-shot, stopped, missing", async () => {
    const stack = await smallStack([
      smallService("crash", { command: ["sh", "-c", "sleep 0.2; exit 3"] }),
      smallService("init", { class: "one-shot", command: ["sh", "-c", "exit 2"] }),
      smallService("stopped"),
      smallService("missing"),
      smallService("fine"),
    ]);
    await up(stack);
    await stack.compose("stop", "-t", "2", "stopped");
    await stack.compose("rm", "-f", "-s", "missing");
    const withoutCounts = async () => (await told(stack)).map((line) => line.replace(/\d+ restarts/, "N restarts"));
    await expect
      .poll(async () => (await withoutCounts()).filter((line) => !line.startsWith("crash ")), patience)
      .toEqual([
        "init failed 0/0",
        "stopped exited 0/1",
        "missing missing 0/1",
        "fine healthy 1/1",
        "init failed, exit code 2 -> ./prod.sh logs init --tail 50",
        "stopped is stopped, exit code 0 -> ./prod.sh start",
        "missing has no container -> ./prod.sh start",
        "unhealthy",
      ]);
    await expect
      .poll(async () => (await withoutCounts()).join("\n"), patience)
      .toMatch(/^crash keeps crashing: N restarts, exit code \d -> \.\/prod\.sh logs crash --tail 50$/m);
  });

  test("too few containers", async () => {
    const stack = await smallStack([smallService("web", { replicas: 2 })]);
    await stack.compose("up", "-d", "--scale", "web=1");
    await expect
      .poll(() => told(stack), patience)
      .toEqual(["web healthy 1/2", "web runs 1 container, and should run 2 -> ./prod.sh start", "unhealthy"]);
  });

  test("volumes are named at once and measured when asked", async () => {
    const mounts = [{ kind: "volume" as const, volume: "data", target: "/data", readOnly: false }];
    const stack = await smallStack([smallService("web", { mounts, user: "0:0" })], {
      volumes: [{ name: "data", component: "web", about: "Data." }],
    });
    await up(stack);
    const name = `${stack.model.name}_data`;
    await stack.compose("exec", "-T", "web", "sh", "-c", "head -c 100000 /dev/zero > /data/file");
    expect((await runStatus(stack.context)).volumes).toEqual([{ name }]);
    const [measured] = (await runStatus(stack.context, { sizes: true })).volumes;
    expect(measured?.bytes).toBeGreaterThanOrEqual(100_000);
  });

  test("a command at work is shown; one that was cut off is a problem", async () => {
    const stack = await smallStack([smallService("web")]);
    await up(stack);
    const lock = tryLock(stack.directory, "migrate", Date.now());
    if (!("release" in lock)) throw new Error("the lock is taken");
    expect((await runStatus(stack.context)).running).toMatchObject({ command: "migrate", pid: process.pid });
    lock.release();
    openJournal(stack.directory, "start", systemClock, undefined, { pid: 0 });
    const { running, problems } = await runStatus(stack.context);
    expect(running).toBeUndefined();
    expect(problems).toContainEqual({
      subject: "stack",
      message: "`start` was cut off before its end",
      hint: "./prod.sh start",
    });
  });

  test("certificates of routes: of the stack's authority, for other names, nobody there", async () => {
    const today = new Date();
    const authority = await localAuthority({ stack: "scenario", today });
    const issued = await issueCertificate({ authority, hosts: ["a.localhost"], today });
    const port = await listen(issued);
    const local = { kind: "local" as const };
    const edge = smallService("traefik", {
      group: "edge",
      ports: [{ host: "127.0.0.1", published: port, target: 443, protocol: "tcp" }],
    });
    const route = { service: "web", path: "/", port: 80, middlewares: [], certificate: local };
    const stack = await smallStack([edge], {
      routes: [
        { ...route, host: "a.localhost" },
        { ...route, host: "b.localhost" },
      ],
    });
    // The test itself listens on the port, so the edge must not publish it.
    const withoutPort = JSON.stringify({ services: { traefik: { ports: [] } } });
    writeFileSync(join(stack.directory, "ports.yaml"), withoutPort.replace("[]", "!reset []"));
    await stack.compose("-f", "compose.yaml", "-f", "ports.yaml", "up", "-d");
    await expect.poll(async () => (await told(stack))[0], patience).toBe("traefik healthy 1/1");
    const { routes, problems } = await runStatus(stack.context);
    expect(routes.map(({ url, certificate }) => ({ url, ...certificate }))).toEqual([
      {
        url: `https://a.localhost:${port}/`,
        kind: "private",
        issuer: "scenario local authority",
        daysLeft: expect.any(Number),
        matches: true,
      },
      expect.objectContaining({ url: `https://b.localhost:${port}/`, matches: false }),
    ]);
    expect(problems.map(({ message }) => message)).toEqual([
      "b.localhost is served with a certificate for other names",
    ]);
    server?.close();
    server?.closeAllConnections();
    expect((await runStatus(stack.context)).problems.map(({ message }) => message)).toEqual(
      ["a", "b"].map((host) => `${host}.localhost cannot be reached over TLS at 127.0.0.1:${port}: nobody listens`),
    );
    rmSync(join(stack.directory, "ports.yaml"));
  });

  let server: Server | undefined;
  async function listen({ certificate, key }: { certificate: string; key: string }): Promise<number> {
    const made = createServer({ cert: certificate, key }).listen(0, "127.0.0.1");
    server = made;
    onTestFinished(() => void made.close());
    await new Promise((resolve) => made.once("listening", resolve));
    return (made.address() as AddressInfo).port;
  }

  test("watching sees what changes, and ends when aborted", async () => {
    const stack = await smallStack([smallService("web")]);
    await up(stack);
    const abort = new AbortController();
    const seen: string[] = [];
    const watching = watchStatus({ ...stack.context, signal: abort.signal }, { interval: 100 }, ({ report }) => {
      seen.push(report?.services[0]?.state ?? "");
    });
    await expect.poll(() => seen, patience).toContain("healthy");
    await stack.compose("stop", "-t", "2", "web");
    await expect.poll(() => seen, patience).toContain("exited");
    abort.abort();
    expect((await watching)?.healthy).toBe(false);
  });
});
