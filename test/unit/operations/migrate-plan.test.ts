import { expect, test } from "vitest";
import type { ObservedContainer } from "../../../src/engine/engine.ts";
import {
  imageNow,
  type MigrateSelection,
  migrationIdOf,
  planMigrate,
  refuseUnmet,
  selectMigrations,
} from "../../../src/operations/migrate-plan.ts";
import type { MigrationRecord } from "../../../src/operations/migration-history.ts";
import { renderPlan } from "../../../src/operations/plan.ts";
import type { Migration, StackModel } from "../../../src/stack/model.ts";
import { StackError } from "../../../src/support/errors.ts";
import { container, migration, model, service } from "../../support/models.ts";

const postgres = { service: "db", database: "web", user: "web" };
const id = "20260101t000000z-beef";
const now = 60_000;

function stack(parts: Partial<Migration> = {}): StackModel {
  const setUp = [{ service: "db-setup", condition: "service_completed_successfully" as const }];
  return model(
    [
      service("web"),
      service("db", { group: "data" }),
      service("db-setup", { group: "data", class: "one-shot" }),
      service("web-migrate", { class: "job", image: "web:1", dependsOn: setUp }),
      service("web-seed", { class: "job", image: "web:1" }),
    ],
    { migrations: [migration("web", { needs: ["db"], ...parts })] },
  );
}

const setUpDone = container("db-setup", { state: "exited", exitCode: 0 });
const ready = [container("db"), setUpDone];

interface Situation {
  stack?: StackModel;
  containers?: ObservedContainer[];
  history?: Partial<MigrationRecord>[];
  options?: MigrateSelection;
}

function plan({ stack: wanted = stack(), containers = ready, history = [], options = {} }: Situation) {
  const images = new Map(wanted.services.map(({ name, image }) => [name, image]));
  return planMigrate(wanted, options, { containers, history: history as MigrationRecord[], images, now });
}

const oneOff = (parts: Partial<ObservedContainer>, name = `shop-web-migrate-${id}`) => {
  const { health: _, ...plain } = container("web-migrate", { name, oneOff: true, image: "web:1" });
  return { ...plain, ...parts };
};

test("one run per app, and the seed after it where it is asked for", () => {
  const seeded = stack({ seedService: "web-seed" });
  expect(renderPlan(plan({}))).toEqual(["run web-migrate: migrates web with web:1, for 1m at most"]);
  expect(renderPlan(plan({ stack: seeded }))).toHaveLength(1);
  expect(renderPlan(plan({ stack: seeded, options: { seed: true } }))).toEqual([
    "run web-migrate: migrates web with web:1, for 1m at most",
    "run web-seed: seeds web with web:1, for 1m at most",
  ]);
});

test("a database is locked first", () => {
  expect(renderPlan(plan({ stack: stack({ postgres }) }))).toEqual([
    "lock create-stack:migrate:web: nobody else may migrate database web of db meanwhile",
    "run web-migrate: migrates web with web:1, for 1m at most",
  ]);
});

test.each<[string, ObservedContainer, Partial<MigrationRecord>[], string[]]>([
  [
    "still runs: it is waited for and not run again",
    oneOff({ state: "running", startedAt: now - 5_000 }),
    [{ id, outcome: "unfinished" }],
    [`wait shop-web-migrate-${id}: a migration of web that was begun 5s ago still runs`],
  ],
  [
    "was started by hand and still runs",
    oneOff({ state: "running", startedAt: now - 5_000 }, "shop-web-migrate-run-1a2b"),
    [],
    ["wait shop-web-migrate-run-1a2b: a migration of web that was begun 5s ago still runs"],
  ],
  [
    "ended well: that is the result",
    oneOff({ state: "exited", exitCode: 0 }),
    [{ id, outcome: "unfinished" }],
    [`record shop-web-migrate-${id}: it ended with exit code 0 while nobody watched`],
  ],
  [
    "ended well with an older image",
    oneOff({ state: "exited", exitCode: 0, image: "web:0" }),
    [{ id, outcome: "unfinished" }],
    [
      `record shop-web-migrate-${id}: it ended with exit code 0 while nobody watched`,
      "run web-migrate: migrates web with web:1, for 1m at most",
    ],
  ],
  [
    "ended badly",
    oneOff({ state: "exited", exitCode: 3 }),
    [],
    [
      `record shop-web-migrate-${id}: it ended with exit code 3 while nobody watched`,
      "run web-migrate: migrates web with web:1, for 1m at most",
    ],
  ],
  [
    "ended and was written down",
    oneOff({ state: "exited", exitCode: 0 }),
    [{ id, outcome: "ok" }],
    [
      `remove shop-web-migrate-${id}: its end is in the history already`,
      "run web-migrate: migrates web with web:1, for 1m at most",
    ],
  ],
])("a container of a killed command that %s", (_, left, history, expected) => {
  expect(renderPlan(plan({ containers: [...ready, left], history }))).toEqual(expected);
});

test("a container that was made and never started is removed", () => {
  const { startedAt: _, ...never } = oneOff({ state: "created" });
  expect(renderPlan(plan({ containers: [...ready, never] }))[0]).toBe(
    `remove shop-web-migrate-${id}: it was made but never started`,
  );
});

/** What is said about a refusal, or "fine". */
function refusal(work: () => unknown): string {
  try {
    work();
    return "fine";
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return `${error.exit}: ${error.message} -> ${error.hint}`;
  }
}

test.each<[ObservedContainer[], string]>([
  [ready, "fine"],
  [[setUpDone], "unhealthy: web cannot be migrated: db is not started -> ./prod.sh start"],
  [
    [container("db", { state: "exited", exitCode: 1 }), setUpDone],
    "unhealthy: web cannot be migrated: db is not running -> ./prod.sh start",
  ],
  [
    [container("db", { health: "unhealthy" }), setUpDone],
    "unhealthy: web cannot be migrated: db is unhealthy -> ./prod.sh logs db --tail 50",
  ],
  [
    [container("db", { health: "starting" }), setUpDone],
    "unhealthy: web cannot be migrated: db is still starting -> ./prod.sh status --watch",
  ],
  [[container("db")], "unhealthy: web cannot be migrated: db-setup has not run -> ./prod.sh start"],
  [
    [container("db"), container("db-setup", { state: "exited", exitCode: 2 })],
    "unhealthy: web cannot be migrated: db-setup failed (exit code 2) -> ./prod.sh logs db-setup --tail 50",
  ],
  [
    [container("db", { state: "exited" })],
    "unhealthy: web cannot be migrated: db is not running, db-setup has not run -> ./prod.sh start",
  ],
])("what a migration needs, situation %#", (containers, expected) => {
  expect(refusal(() => refuseUnmet(plan({ containers }), stack(), containers))).toBe(expected);
});

test("a run that goes on is waited for whatever it needs", () => {
  const containers = [oneOff({ state: "running" })];
  expect(refusal(() => refuseUnmet(plan({ containers }), stack(), containers))).toBe("fine");
});

test.each<[MigrateSelection, string]>([
  [{}, "fine"],
  [{ apps: ["web"] }, "fine"],
  [{ apps: ["wbe"] }, 'invalidInput: there is no app "wbe" with migrations -> did you mean "web"?'],
  [
    { apps: ["db"] },
    "invalidInput: db has no migrate command -> add migrate: [your, command] to the app in stack.yaml, then ./prod.sh generate",
  ],
  [
    { seed: true },
    "invalidInput: no app of this stack has a seed command -> add seed: [your, command] to the app in stack.yaml, then ./prod.sh generate",
  ],
  [
    { apps: ["web"], seed: true },
    "invalidInput: web: no seed command -> add seed: [your, command] to the app in stack.yaml, then ./prod.sh generate",
  ],
])("what is asked for with %j", (options, expected) => {
  expect(refusal(() => selectMigrations(stack(), options))).toBe(expected);
});

test("the image is the one that .env names now", () => {
  const tagged = service("web", { image: "ghcr.io:5000/you/web:1.0.0", tagVariable: "WEB_TAG" });
  expect(imageNow(tagged, "A=1\nWEB_TAG=1.2.3\n")).toBe("ghcr.io:5000/you/web:1.2.3");
  expect(imageNow(tagged, "WEB_TAG=1.2.3@sha256:abc\n")).toBe("ghcr.io:5000/you/web:1.2.3@sha256:abc");
  expect(imageNow(tagged, "OTHER=1\n")).toBe("ghcr.io:5000/you/web:1.0.0");
  expect(imageNow(service("db", { image: "postgres:18" }), "WEB_TAG=2")).toBe("postgres:18");
});

test("ids are found in names of containers that this program gave", () => {
  expect(migrationIdOf(`shop-web-migrate-${id}`, "shop", "web-migrate")).toBe(id);
  expect(migrationIdOf("shop-web-migrate-run-0c1d", "shop", "web-migrate")).toBeUndefined();
  expect(migrationIdOf(`shop-web-${id}`, "shop", "web-migrate")).toBeUndefined();
});
