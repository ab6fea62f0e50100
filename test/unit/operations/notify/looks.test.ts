import { describe, expect, test } from "vitest";
import type { ObservedContainer } from "../../../../src/engine/engine.ts";
import type { MigrationRecord } from "../../../../src/operations/migration-history.ts";
import { backupTroubles } from "../../../../src/operations/notify/backups.ts";
import { migrationTroubles } from "../../../../src/operations/notify/migrations.ts";
import { lookAtServices } from "../../../../src/operations/notify/services.ts";
import type { Look } from "../../../../src/operations/notify/trouble.ts";
import { container, migration, model, service } from "../../../support/models.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const check = {
  test: ["CMD", "true"],
  interval: 10_000,
  timeout: 5_000,
  startPeriod: 60_000,
  startInterval: 1_000,
  retries: 3,
};
const waitsFor = (name: string) => [{ service: name, condition: "service_healthy" as const }];
const shop = model([
  service("postgres", { group: "data", healthcheck: check }),
  service("server", { dependsOn: waitsFor("postgres"), healthcheck: check }),
  service("client", { dependsOn: waitsFor("server"), replicas: 2 }),
]);

/** The stack with some containers otherwise; `undefined`: gone. */
function seen(changes: Record<string, Partial<ObservedContainer> | undefined>): Look {
  const all = ["postgres", "server", "client", "client"].flatMap((name, index) => {
    const id = `${name}-${index}`;
    const change = name in changes ? changes[name] : {};
    return change === undefined ? [] : [container(name, { id, ...change })];
  });
  return lookAtServices(shop, all, now);
}
const told = ({ troubles }: Look) =>
  troubles.map(({ key, severity, title, lines }) => [key, severity, title, ...lines]);

describe("services", () => {
  test("all well: nothing, and whatever was wrong is over", () => {
    const look = seen({});
    expect([look.troubles, look.isOver("service/server")]).toEqual([[], true]);
  });

  test("one is unhealthy", () => {
    expect(
      seen({ client: { health: "unhealthy", healthLog: [{ exitCode: 1, output: "no answer\n", at: now }] } }).troubles,
    ).toEqual([
      {
        key: "service/client",
        name: "ServiceDown",
        severity: "critical",
        component: "client",
        service: "client",
        title: "client is unhealthy: no answer",
        lines: [],
        command: "./prod.sh logs client --tail 50",
        holds: 60_000,
        clears: 180_000,
      },
    ]);
  });

  test("those that wait for one that is down are told with it, and are neither new nor over", () => {
    const look = seen({
      postgres: { state: "exited", exitCode: 1, finishedAt: now },
      server: { health: "unhealthy" },
      client: undefined,
    });
    expect(told(look)).toEqual([
      ["service/postgres", "critical", "postgres is stopped, exit code 1, 0s ago", "Down with it: client, server"],
    ]);
    expect(look.isOver("service/server")).toBe(false);
    expect(look.isOver("service/postgres")).toBe(false);
  });

  test("one of several containers is missing: a warning", () => {
    const look = lookAtServices(shop, [container("postgres"), container("server"), container("client")], now);
    expect(told(look)).toEqual([["service/client", "warning", "client runs 1 container, and should run 2"]]);
  });

  test("one that starts has its time", () => {
    const starting = (seconds: number) => seen({ server: { health: "starting", startedAt: now - seconds * 1_000 } });
    expect(starting(109).troubles).toEqual([]);
    expect(told(starting(111))).toEqual([
      ["service/server", "critical", "server is starting for 1m51s and not ready yet"],
    ]);
  });

  test("a stack that is stopped is one trouble, and says nothing of its services", () => {
    const look = seen({
      postgres: { state: "exited", exitCode: 0 },
      server: { state: "exited", exitCode: 143 },
      client: { state: "exited", exitCode: 143 },
    });
    expect(look.troubles).toMatchObject([
      {
        key: "service/",
        name: "StackStopped",
        title: "the stack is stopped",
        command: "./prod.sh start",
        holds: 600_000,
      },
    ]);
    expect(look.isOver("service/server")).toBe(false);
    expect(seen({}).isOver("service/")).toBe(true);
  });
});

test("migrations: the newest one of each app that went wrong", () => {
  const record = (app: string, parts: Partial<MigrationRecord>): MigrationRecord => ({
    id: `${app}-id`,
    app,
    service: `${app}-migrate`,
    kind: "migrate",
    image: "foo/server:2",
    imageId: "sha256:0000",
    startedAt: "2026-11-21T11:00:00Z",
    outcome: "ok",
    ...parts,
  });
  const stack = model([], { migrations: [migration("server"), migration("mail"), migration("shop")] });
  const history = [
    record("server", { outcome: "ok" }),
    record("server", { outcome: "failed", exitCode: 3 }),
    record("mail", { outcome: "failed" }),
    record("mail", { outcome: "ok" }),
    record("shop", { outcome: "unfinished" }),
  ];
  expect(migrationTroubles(stack, history)).toEqual([
    {
      key: "migration/server",
      name: "MigrationFailed",
      severity: "critical",
      component: "server",
      service: "server-migrate",
      title: "the migration of server failed with exit code 3",
      lines: ["Image: foo/server:2", "What it printed: .stack/migrations/server-id.log"],
      command: "./prod.sh migrate server",
      holds: 0,
      clears: 0,
    },
  ]);
});

test("backups: what fails, is stale or did not come back; not what is a choice or follows from these", () => {
  const problem = (id: string, severity: "warn" | "critical" = "warn") => ({
    id,
    severity,
    subject: "postgres",
    message: `about ${id}`,
    hint: "./prod.sh backup status",
  });
  const found = backupTroubles([
    problem("only-here"),
    problem("late/postgres/offsite", "critical"),
    problem("failed/postgres/dump"),
    problem("failed/postgres/log"),
    problem("drill/postgres", "critical"),
    problem("held/offsite"),
    problem("missing/offsite"),
  ]);
  expect(found.map(({ key, name, severity, holds }) => [key, name, severity, holds / 60_000])).toEqual([
    ["backup/late/postgres/offsite", "BackupStale", "critical", 30],
    ["backup/failed/postgres/dump", "BackupFailed", "warning", 0],
    ["backup/failed/postgres/log", "BackupFailed", "warning", 10],
    ["backup/drill/postgres", "RestoreDrillFailed", "critical", 0],
  ]);
});
