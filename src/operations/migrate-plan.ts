import type { ObservedContainer } from "../engine/engine.ts";
import type { Migration, StackModel } from "../stack/model.ts";
import type { Service } from "../stack/service.ts";
import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import { formatAge, formatDuration } from "../support/units.ts";
import { advisoryLockName } from "./advisory-lock.ts";
import type { MigrationRecord } from "./migration-history.ts";
import { type Plan, type Step, step } from "./plan.ts";

/** A container that `docker compose run` made for a migration or seed. */
export interface JobRef {
  app: string;
  kind: "migrate" | "seed";
  service: string;
  /** Milliseconds that it may take. */
  timeout: number;
}

/** A one-off container that an earlier command left behind. */
export interface Leftover {
  id: string;
  name: string;
  startedAt?: number;
}

export type MigrateStep = Step &
  (
    | { kind: "hold"; migration: Migration; container: string }
    /** Sees a run that goes on without its supervisor to its end; that is then the result. */
    | { kind: "wait"; job: JobRef; container: Leftover }
    /** Writes down how a run ended that nobody watched. */
    | { kind: "record"; job: JobRef; container: Leftover }
    /** Removes a container that says nothing any more. */
    | { kind: "remove"; job: JobRef; container: Leftover }
    | { kind: "run"; job: JobRef; image: string }
  );

export interface MigrateSelection {
  /** Only these apps; none is all. */
  apps?: readonly string[];
  seed?: boolean;
}

/** What the plan is made from. */
export interface MigrateFacts {
  containers: readonly ObservedContainer[];
  history: readonly MigrationRecord[];
  /** Image references as .env has them now, by service. */
  images: ReadonlyMap<string, string>;
  now: number;
}

/** The migrations that were asked for. Throws where a name means none, or where there is nothing to seed. */
export function selectMigrations(model: StackModel, { apps = [], seed = false }: MigrateSelection): Migration[] {
  const known = model.migrations.map(({ app }) => app);
  for (const app of apps) if (!known.includes(app)) throw noMigration(app, known, model);
  const selected = model.migrations.filter(({ app }) => apps.length === 0 || apps.includes(app));
  if (seed && !selected.some(({ seedService }) => seedService !== undefined)) {
    throw new StackError({
      code: "no-seed",
      exit: "invalidInput",
      message: apps.length === 0 ? "no app of this stack has a seed command" : `${apps.join(", ")}: no seed command`,
      hint: "add seed: [your, command] to the app in stack.yaml, then ./prod.sh generate",
    });
  }
  return selected;
}

function noMigration(app: string, known: readonly string[], model: StackModel): StackError {
  const exists = model.services.some((service) => service.name === app);
  return new StackError({
    code: exists ? "no-migration" : "unknown-app",
    exit: "invalidInput",
    message: exists ? `${app} has no migrate command` : `there is no app "${app}" with migrations`,
    hint:
      exists || known.length === 0
        ? "add migrate: [your, command] to the app in stack.yaml, then ./prod.sh generate"
        : didYouMean(app, known),
  });
}

/** The steps of `migrate`, in order. Pure. */
export function planMigrate(model: StackModel, selection: MigrateSelection, facts: MigrateFacts): Plan<MigrateStep> {
  const steps = selectMigrations(model, selection).flatMap((migration) =>
    stepsFor(migration, selection.seed ?? false, model.name, facts),
  );
  return { operation: "migrate", steps };
}

function stepsFor(migration: Migration, seed: boolean, project: string, facts: MigrateFacts): MigrateStep[] {
  const jobs = jobsOf(migration);
  const leftovers = jobs.flatMap((job) => leftoverSteps(job, project, facts));
  const wanted = jobs.filter(({ kind }) => kind === "migrate" || seed);
  const runs = wanted
    .filter((job) => !leftovers.some((left) => left.job.service === job.service && left.isResult))
    .map((job): MigrateStep => runStep(job, facts));
  const work = [...leftovers.map(({ step: planned }) => planned), ...runs];
  const running = work.some(({ kind }) => kind === "run" || kind === "wait");
  const server = running && migration.postgres && holdingContainer(migration.postgres.service, facts.containers);
  if (!server || migration.postgres === undefined) return work;
  const { database, service } = migration.postgres;
  const hold: MigrateStep = {
    ...step(
      "lock",
      advisoryLockName(migration.app),
      `nobody else may migrate database ${database} of ${service} meanwhile`,
    ),
    kind: "hold",
    migration,
    container: server.id,
  };
  return [hold, ...work];
}

/** The jobs of an app: its migration, and its seed where it has one. */
export function jobsOf({ app, service, seedService, timeout, seedTimeout = timeout }: Migration): JobRef[] {
  const migrate: JobRef = { app, kind: "migrate", service, timeout };
  return seedService === undefined
    ? [migrate]
    : [migrate, { app, kind: "seed", service: seedService, timeout: seedTimeout }];
}

function holdingContainer(service: string, containers: readonly ObservedContainer[]): ObservedContainer | undefined {
  return containers.find((found) => found.service === service && !found.oneOff && found.state === "running");
}

function runStep(job: JobRef, { images }: MigrateFacts): MigrateStep {
  const image = images.get(job.service) ?? "";
  const doing = job.kind === "migrate" ? `migrates ${job.app}` : `seeds ${job.app}`;
  return {
    ...step("run", job.service, `${doing} with ${image}, for ${formatDuration(job.timeout)} at most`),
    kind: "run",
    job,
    image,
  };
}

/** What to do about a container that was left behind, and whether its end is already what was asked for. */
interface LeftoverStep {
  job: JobRef;
  isResult: boolean;
  step: MigrateStep;
}

function leftoverSteps(job: JobRef, project: string, facts: MigrateFacts): LeftoverStep[] {
  const mine = facts.containers.filter((found) => found.oneOff && found.service === job.service);
  return mine.map((found) => {
    const { id, name, startedAt } = found;
    const container: Leftover = { id, name, ...(startedAt !== undefined && { startedAt }) };
    const known = facts.history.find((record) => record.id === migrationIdOf(name, project, job.service));
    const planned = (kind: "wait" | "record" | "remove", cause: string, isResult: boolean): LeftoverStep => ({
      job,
      isResult,
      step: { ...step(kind, name, cause), kind, job, container } as MigrateStep,
    });
    if (isAlive(found)) {
      const age = startedAt === undefined ? "" : ` ${formatAge(facts.now - startedAt)} ago`;
      const what = job.kind === "migrate" ? "migration" : "seeding";
      return planned("wait", `a ${what} of ${job.app} that was begun${age} still runs`, true);
    }
    if (startedAt === undefined) return planned("remove", "it was made but never started", false);
    if (known !== undefined && known.outcome !== "unfinished")
      return planned("remove", "its end is in the history already", false);
    const current = found.exitCode === 0 && found.image === facts.images.get(job.service);
    return planned("record", `it ended with exit code ${found.exitCode} while nobody watched`, current);
  });
}

function isAlive({ state }: ObservedContainer): boolean {
  return state === "running" || state === "paused" || state === "restarting";
}

/** Containers are named `<project>-<service>-<id of the run>`; undefined for one that was started by hand. */
export function migrationIdOf(container: string, project: string, service: string): string | undefined {
  const prefix = `${project}-${service}-`;
  const id = container.startsWith(prefix) ? container.slice(prefix.length) : "";
  return /^\d{8}t\d{6}z-[0-9a-f]{4}$/.test(id) ? id : undefined;
}

export function migrationContainerName(project: string, service: string, id: string): string {
  return `${project}-${service}-${id}`;
}

/** What keeps a migration from being run: services that it needs and that are not ready. */
export interface UnmetNeed {
  service: string;
  /** `is unhealthy`, `is not running`. */
  state: string;
  hint: string;
}

/** Which of the services that a migration, or another job, needs are not ready. */
export function unmetNeeds(
  migration: Pick<Migration, "service" | "needs">,
  model: StackModel,
  containers: readonly ObservedContainer[],
): UnmetNeed[] {
  const job = model.services.find(({ name }) => name === migration.service);
  const setUps = (job?.dependsOn ?? [])
    .filter(({ condition }) => condition === "service_completed_successfully")
    .map(({ service }) => service);
  const of = (service: string) => containers.filter((found) => found.service === service && !found.oneOff);
  return [
    ...migration.needs.flatMap((service) => unmetServer(service, of(service))),
    ...setUps.flatMap((service) => unmetSetUp(service, of(service))),
  ];
}

function unmetServer(service: string, containers: readonly ObservedContainer[]): UnmetNeed[] {
  const running = containers.filter(({ state }) => state === "running");
  if (running.some(({ health }) => health === undefined || health === "healthy")) return [];
  const [first] = running;
  if (first?.health === "starting") return [{ service, state: "is still starting", hint: "./prod.sh status --watch" }];
  if (first !== undefined) return [{ service, state: "is unhealthy", hint: `./prod.sh logs ${service} --tail 50` }];
  return [{ service, state: containers.length === 0 ? "is not started" : "is not running", hint: "./prod.sh start" }];
}

function unmetSetUp(service: string, containers: readonly ObservedContainer[]): UnmetNeed[] {
  const [first] = containers;
  if (first === undefined) return [{ service, state: "has not run", hint: "./prod.sh start" }];
  if (first.state !== "exited") return [{ service, state: "is still at work", hint: "./prod.sh status --watch" }];
  if (first.exitCode === 0) return [];
  return [{ service, state: `failed (exit code ${first.exitCode})`, hint: `./prod.sh logs ${service} --tail 50` }];
}

/** Throws where a migration that is to be run lacks something that it needs. */
export function refuseUnmet(
  plan: Plan<MigrateStep>,
  model: StackModel,
  containers: readonly ObservedContainer[],
): void {
  const apps = new Set(plan.steps.flatMap((planned) => (planned.kind === "run" ? [planned.job.app] : [])));
  for (const migration of model.migrations.filter(({ app }) => apps.has(app))) {
    const unmet = unmetNeeds(migration, model, containers);
    const [first] = unmet;
    if (first === undefined) continue;
    throw new StackError({
      code: "migration-needs",
      exit: "unhealthy",
      message: `${migration.app} cannot be migrated: ${unmet.map(({ service, state }) => `${service} ${state}`).join(", ")}`,
      hint: first.hint,
    });
  }
}

/** The image reference of a service with the tag that .env has now. */
export function imageNow(service: Service, env: string): string {
  if (service.tagVariable === undefined) return service.image;
  const tag = new RegExp(`^${service.tagVariable}=(.*)$`, "m").exec(env)?.[1]?.trim();
  if (!tag) return service.image;
  const withoutDigest = service.image.split("@")[0] ?? service.image;
  const colon = withoutDigest.lastIndexOf(":");
  const name = colon > withoutDigest.lastIndexOf("/") ? withoutDigest.slice(0, colon) : withoutDigest;
  // A variable may hold a digest alone, which is joined by an at sign elsewhere.
  return `${name}${tag.startsWith("sha256:") ? "@" : ":"}${tag}`;
}
