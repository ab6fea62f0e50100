import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LogEntry, type LogsOptions, parseSince, runLogs, selection } from "../../../src/operations/logs.ts";
import { systemClock } from "../../../src/support/clock.ts";
import { type FakeEngine, fakeEngine } from "../../support/fake-engine.ts";
import { container, model, service } from "../../support/models.ts";

const stack = model(
  [
    service("web", { replicas: 2 }),
    service("db", { component: "postgres" }),
    service("db-setup", { component: "postgres", class: "one-shot" }),
    service("web-migrate", { class: "job" }),
  ],
  { secrets: [{ name: "token", about: "", mode: 0o444, kind: "random", encoding: "hex" }] },
);

let directory: string;
let engine: FakeEngine;
let printed: string[];
let interruption: AbortController;
let ids: Record<"web1" | "web2" | "db" | "job", string>;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "logs-"));
  engine = fakeEngine();
  printed = [];
  interruption = new AbortController();
  ids = {
    web1: engine.add({ service: "web", name: "shop-web-1" }),
    web2: engine.add({ service: "web", name: "shop-web-2" }),
    db: engine.add({ service: "db", name: "shop-db-1" }),
    job: engine.add({ service: "web-migrate", name: "shop-web-migrate-1", oneOff: true }),
  };
});
afterEach(() => {
  interruption.abort();
  rmSync(directory, { recursive: true, force: true });
});

const print = (id: string, text: string, time: number) => engine.print(id, text, "stdout", time);

function logs(options: LogsOptions = {}, onEntry?: (entry: LogEntry) => void | Promise<void>) {
  const keep = ({ source, text }: LogEntry) => void printed.push(`${source}: ${text}`);
  const context = { directory, engine, model: stack, clock: systemClock, signal: interruption.signal };
  return runLogs(context, options, onEntry ?? keep);
}

test("lines of all services come in order of time", async () => {
  print(ids.db, "second", 2_000);
  print(ids.db, "fourth", 4_000);
  print(ids.web1, "first", 1_000);
  print(ids.web2, "third", 3_000);
  print(ids.web1, "fifth", 5_000);
  print(ids.job, "of a job", 1_500);
  expect(await logs()).toEqual({ containers: 3 });
  expect(printed).toEqual(["web-1: first", "db: second", "web-2: third", "db: fourth", "web-1: fifth"]);
});

test("only some services, only new lines, only the last ones", async () => {
  for (const time of [1_000, 2_000, 3_000]) {
    print(ids.web1, `web at ${time}`, time);
    print(ids.db, `db at ${time}`, time);
  }
  await logs({ services: ["db"], since: 2_000 });
  expect(printed.splice(0)).toEqual(["db: db at 2000", "db: db at 3000"]);
  await logs({ tail: 1 });
  expect(printed.splice(0)).toEqual(["web-1: web at 3000", "db: db at 3000"].sort());
});

test("a job is shown where it is asked for by name", async () => {
  print(ids.job, "migrating", 1_000);
  await logs({ services: ["web-migrate"] });
  expect(printed).toEqual(["web-migrate: migrating"]);
});

test("what is printed later, and by containers that start later, follows", async () => {
  print(ids.db, "old", 1_000);
  const following = logs({ follow: true });
  await expect.poll(() => printed).toEqual(["db: old"]);
  engine.print(ids.db, "new");
  await expect.poll(() => printed).toEqual(["db: old", "db: new"]);
  const late = engine.add({ service: "db-setup", name: "shop-db-setup-1" });
  engine.print(late, "late");
  await expect.poll(() => printed).toEqual(["db: old", "db: new", "db-setup: late"]);
  interruption.abort();
  await following;
});

test("a container that is started again goes on without repeating itself", async () => {
  const following = logs({ services: ["db"], follow: true });
  await expect.poll(async () => printed.length + (await engine.observe("shop")).containers.length).toBe(4);
  engine.print(ids.db, "before");
  await expect.poll(() => printed).toEqual(["db: before"]);
  engine.change(ids.db, { state: "exited" }, "die");
  await new Promise((resolve) => setTimeout(resolve, 20));
  engine.change(ids.db, { state: "running", startedAt: Date.now() }, "start");
  engine.print(ids.db, "after");
  await expect.poll(() => printed).toEqual(["db: before", "db: after"]);
  interruption.abort();
  await following;
});

test("lines that arrive together are handed over in order of time", async () => {
  const following = logs({ follow: true });
  await new Promise((resolve) => setTimeout(resolve, 30));
  const now = Date.now();
  print(ids.db, "second", now + 20);
  print(ids.web1, "first", now + 10);
  await expect.poll(() => printed).toEqual(["web-1: first", "db: second"]);
  interruption.abort();
  await following;
});

test("it ends when aborted in the middle", async () => {
  for (let time = 1; time < 100; time += 1) print(ids.db, `${time}`, time);
  await logs({ follow: true }, ({ text }) => {
    printed.push(text);
    if (text === "3") interruption.abort();
  });
  expect(printed).toEqual(["1", "2", "3"]);
});

test("an error of the reader ends it with that error", async () => {
  const following = logs({ follow: true }, () => {
    throw new Error("no room");
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  engine.print(ids.db, "new");
  await expect(following).rejects.toThrow("no room");
});

test("values of secrets are hidden", async () => {
  mkdirSync(join(directory, "secrets"));
  writeFileSync(join(directory, "secrets", "token"), "f00dfeedf00dfeed\n");
  print(ids.db, "token=f00dfeedf00dfeed", 1_000);
  await logs();
  expect(printed).toEqual(["db: token=[redacted]"]);
});

test("names mean services, or all services of a component; others are corrected", () => {
  const containers = [container("web"), container("db"), container("db-setup"), container("extra")];
  const chosen = (...names: string[]) =>
    containers.filter(selection(stack, containers, names)).map((found) => found.service);
  expect(chosen()).toEqual(["web", "db", "db-setup", "extra"]);
  expect(chosen("db", "extra")).toEqual(["db", "extra"]);
  expect(chosen("postgres")).toEqual(["db", "db-setup"]);
  expect(() => chosen("bd")).toThrow('there is no service "bd" in this stack');
});

test.each([
  ["10m", 3_000_000],
  ["1h30m", -1_800_000],
  ["1970-01-01T00:00:05Z", 5_000],
  ["1970-01-02", 86_400_000],
])("--since %s", (text, expected) => {
  expect(parseSince(text, 3_600_000)).toBe(expected);
});

test.each(["yesterday", "5", "", "10 m"])("--since %j is no time", (text) => {
  expect(() => parseSince(text, 0)).toThrow(`"${text}" is no time`);
});
