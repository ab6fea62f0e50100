import { expect, test } from "vitest";
import type { ObservedContainer } from "../../../src/engine/engine.ts";
import { judgeServices } from "../../../src/operations/status-services.ts";
import type { StackModel } from "../../../src/stack/model.ts";
import { container, model, service } from "../../support/models.ts";

const now = 60_000;
const web = model([service("web")]);

/** Each service with its state and what is said of it, one line each. */
function judged(stack: StackModel, containers: ObservedContainer[], memory: [string, number][] = []): string[] {
  const { services, problems } = judgeServices(stack, containers, new Map(memory), now);
  const states = services.map(({ name, state, replicas }) => `${name} ${state} ${replicas.running}/${replicas.wanted}`);
  return [...states, ...problems.map(({ message, hint }) => `${message} -> ${hint}`)];
}

const ended = (exitCode: number, parts: Partial<ObservedContainer> = {}): Partial<ObservedContainer> => ({
  state: "exited",
  exitCode,
  finishedAt: now - 5_000,
  ...parts,
});

const logs = "./prod.sh logs web --tail 50";

test.each<[string, Partial<ObservedContainer>, string[]]>([
  ["healthy", {}, ["web healthy 1/1"]],
  [
    "starting",
    { health: "starting" },
    ["web starting 1/1", "web is starting for 1m and not ready yet -> ./prod.sh status --watch"],
  ],
  [
    "unhealthy, with what its check said last",
    { health: "unhealthy", healthLog: [{ exitCode: 1, output: "\n connection refused\n\n", at: 1 }] },
    ["web unhealthy 1/1", `web is unhealthy: connection refused -> ${logs}`],
  ],
  [
    "restarting",
    { state: "restarting", restarts: 4, exitCode: 3 },
    ["web restarting 0/1", `web keeps crashing: 4 restarts, exit code 3 -> ${logs}`],
  ],
  [
    "up again just now after two crashes",
    { health: "starting", restarts: 2, startedAt: now - 3_000, exitCode: 0 },
    ["web restarting 1/1", `web keeps crashing: 2 restarts, exit code 0 -> ${logs}`],
  ],
  ["restarted long ago", { restarts: 9, health: "healthy" }, ["web healthy 1/1"]],
  ["ended with an error", ended(1), ["web exited 0/1", `web is stopped, exit code 1, 5s ago -> ${logs}`]],
  ["stopped", ended(0), ["web exited 0/1", "web is stopped, exit code 0, 5s ago -> ./prod.sh start"]],
  [
    "killed for memory",
    ended(137, { oomKilled: true }),
    ["web exited 0/1", `web is stopped, killed because it ran out of memory (its limit is 64 MB), 5s ago -> ${logs}`],
  ],
  [
    "refused by the engine",
    { state: "created", error: "port is already allocated" },
    ["web created 0/1", "web could not be started: port is already allocated -> ./prod.sh start"],
  ],
  ["paused", { state: "paused" }, ["web paused 0/1", "web is paused -> docker unpause shop-web-1"]],
])("a service that is %s", (_, parts, expected) => {
  const { health: _health, ...withoutCheck } = container("web");
  const stated = "state" in parts ? { ...withoutCheck, ...parts } : container("web", parts);
  expect(judged(web, [stated])).toEqual(expected);
});

test("a service without a health check is well when it runs", () => {
  const { health: _, ...plain } = container("web");
  expect(judged(web, [plain])).toEqual(["web running 1/1"]);
});

test("a service without a container is missing where others run", () => {
  const stack = model([service("web"), service("db", { group: "data" })]);
  expect(judged(stack, [container("web")])).toEqual([
    "web healthy 1/1",
    "db missing 0/1",
    "db has no container -> ./prod.sh start",
  ]);
});

test("a stack that is not started, or was stopped, is told in one sentence", () => {
  const stack = model([service("web"), service("db", { group: "data" })]);
  expect(judged(stack, []).slice(2)).toEqual(["the stack is not started -> ./prod.sh start"]);
  const stopped = [container("web", ended(143)), container("db", ended(0))];
  expect(judged(stack, stopped).slice(2)).toEqual(["the stack is stopped -> ./prod.sh start"]);
});

test("a stack whose services all crashed is not called stopped", () => {
  const stack = model([service("web"), service("db", { group: "data" })]);
  const crashed = [container("web", ended(1)), container("db", ended(0))];
  expect(judged(stack, crashed)).toHaveLength(4);
});

test("too few and too many containers are told", () => {
  const stack = model([service("web", { replicas: 2 })]);
  const second = container("web", { id: "second", name: "shop-web-2" });
  expect(judged(stack, [container("web")])).toEqual([
    "web healthy 1/2",
    "web runs 1 container, and should run 2 -> ./prod.sh start",
  ]);
  expect(judged(stack, [container("web"), second])).toEqual(["web healthy 2/2"]);
  expect(judged(web, [container("web"), second])).toEqual([
    "web healthy 2/1",
    "web runs 2 containers, and should run 1 -> ./prod.sh start",
  ]);
});

test("one sick container makes the service sick", () => {
  const stack = model([service("web", { replicas: 2 })]);
  const sick = container("web", { id: "second", health: "unhealthy" });
  expect(judged(stack, [container("web"), sick])[0]).toBe("web unhealthy 2/2");
});

const withSetup = model([
  service("setup", { class: "one-shot", group: "data" }),
  service("web", { dependsOn: [{ service: "setup", condition: "service_completed_successfully" }] }),
]);

test("a one-shot that ended well is done, and one that ended badly has failed", () => {
  expect(judged(withSetup, [container("setup", ended(0)), container("web")])).toEqual([
    "web healthy 1/1",
    "setup done 0/0",
  ]);
  expect(judged(withSetup, [container("setup", ended(2)), container("web")])).toEqual([
    "web healthy 1/1",
    "setup failed 0/0",
    "setup failed, exit code 2 -> ./prod.sh logs setup --tail 50",
  ]);
});

test("a one-shot whose container was tidied away is forgiven once those that wait for it are up", () => {
  expect(judged(withSetup, [container("web")])).toEqual(["web healthy 1/1", "setup gone 0/0"]);
  expect(judged(withSetup, [container("web", ended(1))])).toContain("setup has not run -> ./prod.sh start");
});

test("jobs and one-off containers are no services; services of the override file are shown", () => {
  const stack = model([service("web"), service("web-migrate", { class: "job" })]);
  const containers = [
    container("web"),
    container("web-migrate", { oneOff: true, ...ended(1) }),
    container("web", { id: "by-hand", oneOff: true, health: "unhealthy" }),
    container("extra", { health: "unhealthy" }),
  ];
  expect(judged(stack, containers)).toEqual([
    "web healthy 1/1",
    "extra unhealthy 1/1",
    "extra is unhealthy -> ./prod.sh logs extra --tail 50",
  ]);
});

test("memory, restarts and uptime are of all containers together", () => {
  const stack = model([service("web", { replicas: 2 })]);
  const second = container("web", { id: "b", startedAt: now - 7_500, restarts: 3 });
  const { services } = judgeServices(
    stack,
    [container("web", { id: "a" }), second],
    new Map([
      ["a", 10],
      ["b", 20],
    ]),
    now,
  );
  expect(services[0]).toMatchObject({ memory: { used: 30, limit: 128 * 1024 ** 2 }, restarts: 3, uptime: 7 });
});
