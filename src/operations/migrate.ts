import { join } from "node:path";
import { readIfExists } from "../support/files.ts";
import type { Redact } from "../support/redact.ts";
import { formatAge } from "../support/units.ts";
import { type AdvisoryLock, takeAdvisoryLock } from "./advisory-lock.ts";
import type { Context } from "./context.ts";
import { withLock } from "./lock.ts";
import { type EndedRun, failureOf, finish, runJob, watchJob } from "./migrate-job.ts";
import {
  imageNow,
  type JobRef,
  type Leftover,
  type MigrateFacts,
  type MigrateSelection,
  type MigrateStep,
  migrationContainerName,
  migrationIdOf,
  planMigrate,
  refuseUnmet,
  selectMigrations,
} from "./migrate-plan.ts";
import { type MigrationRecord, newMigrationId, readHistory } from "./migration-history.ts";
import { type Plan, renderPlan } from "./plan.ts";
import { recover } from "./recover.ts";
import { redactorFor } from "./secret-values.ts";

export interface MigrateOptions extends MigrateSelection {
  /** Milliseconds to wait for whoever else holds the stack's lock or the database's; 0 (default) fails at once. */
  wait?: number;
  dryRun?: boolean;
}

export interface MigrateResult {
  plan: Plan<MigrateStep>;
  /** What was run, waited for or found out, in order. */
  runs: MigrationRecord[];
  /** For people: the plan of a dry run, or one line per run. */
  summary: string[];
}

/** A container that compose was just told to make may take this long to appear after its supervisor was killed. */
const appearTime = 10_000;

/**
 * Brings the schema of each app to its newest version. One at a time, under the stack's lock and, where it is Postgres,
 * a lock in the database; never beside a run that an earlier, killed command left behind.
 */
export async function runMigrate(context: Context, options: MigrateOptions = {}): Promise<MigrateResult> {
  if (selectMigrations(context.model, options).length === 0) {
    return {
      plan: { operation: "migrate", steps: [] },
      runs: [],
      summary: ["Nothing to migrate: no app has a migrate command"],
    };
  }
  if (options.dryRun) {
    const plan = await makePlan(context, options);
    return { plan, runs: [], summary: renderPlan(plan) };
  }
  return withLock(context, { command: "migrate", wait: options.wait ?? 0 }, async () => {
    await recover(context);
    await awaitStragglers(context);
    const plan = await makePlan(context, options);
    const runs = await execute(context, plan, options.wait ?? 0);
    return { plan, runs, summary: runs.map(summaryOf) };
  });
}

async function makePlan(context: Context, options: MigrateOptions): Promise<Plan<MigrateStep>> {
  const { directory, model, engine, clock } = context;
  const { containers } = await engine.observe(model.name);
  const env = readIfExists(join(directory, ".env")) ?? "";
  const facts: MigrateFacts = {
    containers,
    history: readHistory(directory),
    images: new Map(model.services.map((service) => [service.name, imageNow(service, env)])),
    now: clock.now(),
  };
  const plan = planMigrate(model, options, facts);
  refuseUnmet(plan, model, containers);
  return plan;
}

/**
 * A killed command may have left a `docker compose run` behind that is just about to make its container. Waits for the
 * container of every run that was begun a moment ago; a run that left none is written off.
 */
async function awaitStragglers({ directory, model, engine, clock, signal, progress }: Context): Promise<void> {
  for (const record of readHistory(directory).filter(({ outcome }) => outcome === "unfinished")) {
    const name = migrationContainerName(model.name, record.service, record.id);
    const deadline = Date.parse(record.startedAt) + appearTime;
    const appeared = async () => (await engine.observe(model.name)).containers.some((found) => found.name === name);
    let found = await appeared();
    while (!found && clock.now() < deadline) {
      await clock.sleep(200, signal);
      found = await appeared();
    }
    if (found) continue;
    progress.line(`A ${record.kind} of ${record.app}, begun ${record.startedAt}, was cut off and left no container`);
    finish(directory, record, clock.now(), "lost");
  }
}

async function execute(context: Context, plan: Plan<MigrateStep>, wait: number): Promise<MigrationRecord[]> {
  const redact = redactorFor(context.directory, context.model);
  const runs: MigrationRecord[] = [];
  const locks: AdvisoryLock[] = [];
  try {
    for (const planned of plan.steps) {
      context.signal.throwIfAborted();
      if (planned.kind === "hold") {
        locks.push(await hold(context, planned, wait));
        continue;
      }
      const ended = await perform(context, redact, planned);
      if (ended === undefined) continue;
      const failed = ended.record.outcome !== "ok" && planned.kind !== "record";
      if (failed) throw tell(context, ended, runs);
      runs.push(ended.record);
      context.progress.update(ended.record.service, "done", summaryOf(ended.record));
    }
  } finally {
    for (const lock of locks) await lock.release();
    context.progress.end();
  }
  return runs;
}

function tell({ directory, progress }: Context, ended: EndedRun, before: readonly MigrationRecord[]): Error {
  const error = failureOf(
    ended,
    directory,
    before.some(({ outcome }) => outcome === "ok"),
  );
  progress.update(ended.record.service, "failed", ended.record.outcome);
  return error;
}

async function hold(context: Context, planned: MigrateStep & { kind: "hold" }, wait: number): Promise<AdvisoryLock> {
  const { app, postgres } = planned.migration;
  if (postgres === undefined) throw new Error(`${app} has no database to lock`);
  const lock = await takeAdvisoryLock(context, { app, database: postgres, container: planned.container, wait });
  let released = false;
  void lock.ended.then(() => {
    if (!released)
      context.progress.line(`The session that held the lock on migrations of ${app} was ended by the server`);
  });
  return {
    ended: lock.ended,
    release() {
      released = true;
      return lock.release();
    },
  };
}

/** Undefined for a step that is no run of its own. */
async function perform(
  context: Context,
  redact: Redact,
  planned: Exclude<MigrateStep, { kind: "hold" }>,
): Promise<EndedRun | undefined> {
  const { progress } = context;
  const { job } = planned;
  if (planned.kind === "run") {
    progress.update(job.service, "working", `with ${planned.image}`);
    return runJob(context, redact, job, planned.image);
  }
  if (planned.kind === "remove") {
    await context.engine.remove(planned.container.id, { unnamedVolumes: true });
    writeOff(context, planned);
    return undefined;
  }
  progress.line(`${planned.container.name}: ${planned.cause}`);
  return takeOver(context, redact, job, planned.container);
}

/** A run whose container never started will have no end. */
function writeOff({ directory, model, clock }: Context, { job, container }: MigrateStep & { kind: "remove" }): void {
  const id = migrationIdOf(container.name, model.name, job.service);
  const begun = readHistory(directory).find((record) => record.id === id && record.outcome === "unfinished");
  if (begun !== undefined) finish(directory, begun, clock.now(), "lost");
}

/** Sees a container that an earlier command left behind to its end, which may be past already. */
async function takeOver(
  context: Context,
  redact: Redact,
  job: JobRef,
  container: Leftover,
): Promise<EndedRun | undefined> {
  const { directory, model, engine, clock } = context;
  const found = await engine.inspect(container.id);
  if (found === undefined) return undefined;
  const id = migrationIdOf(container.name, model.name, job.service) ?? newMigrationId(clock.now());
  const known = readHistory(directory).find((record) => record.id === id);
  const begun: MigrationRecord = known ?? {
    id,
    app: job.app,
    service: job.service,
    kind: job.kind,
    image: found.image,
    imageId: found.imageId,
    startedAt: new Date(found.startedAt ?? clock.now()).toISOString(),
    outcome: "unfinished",
  };
  return watchJob(context, redact, job, found, { ...begun, imageId: found.imageId });
}

function summaryOf({ app, kind, outcome, exitCode, startedAt, finishedAt }: MigrationRecord): string {
  const what = kind === "migrate" ? "migrated" : "seeded";
  const took = formatAge(Date.parse(finishedAt ?? startedAt) - Date.parse(startedAt));
  if (outcome === "ok") return `${app} ${what} (${took})`;
  return `${app}: an earlier run ended as ${outcome}${exitCode === undefined ? "" : ` (exit code ${exitCode})`}`;
}
