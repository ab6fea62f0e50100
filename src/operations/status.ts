import type { Engine, ObservedStack } from "../engine/engine.ts";
import { messageOf, type StackError } from "../support/errors.ts";
import type { Context } from "./context.ts";
import { jobViews } from "./jobs/views.ts";
import { abandonedOperations, commandOf } from "./journal.ts";
import { lockHolder } from "./lock.ts";
import { lastMigration, type MigrationRecord, readHistory } from "./migration-history.ts";
import type { ScheduleHost } from "./schedule/host.ts";
import { redactorFor } from "./secret-values.ts";
import { lookAtBuckets } from "./status-buckets.ts";
import { certificateProblems, readCertificates, routeStatuses, tlsEntrance } from "./status-certificates.ts";
import { hostProblems, readHost } from "./status-host.ts";
import { inspectComponents, joined } from "./status-inspections.ts";
import { jobProblems } from "./status-jobs.ts";
import { monitoringProblems, readMonitoring } from "./status-monitoring.ts";
import type {
  CertificateStatus,
  CommandStatus,
  MigrationStatus,
  StatusProblem,
  StatusReport,
} from "./status-report.ts";
import { judgeServices } from "./status-services.ts";
import { readSupervisor } from "./status-supervisor.ts";

export { exitOfStatus, type StatusReport } from "./status-report.ts";

type StatusContext = Pick<Context, "directory" | "model" | "engine" | "clock">;

export interface StatusOptions {
  /** Measures the volumes, which reads every file in them. */
  sizes?: boolean;
  /** Where to look for what calls the schedule; left out: nobody asks. */
  host?: ScheduleHost;
}

/**
 * Looks at everything at once: no question waits for another unless it needs the answer. Changes nothing and takes no
 * lock, so that it answers while another command is at work.
 */
export async function runStatus(context: StatusContext, options: StatusOptions = {}): Promise<StatusReport> {
  const { directory, model, engine, clock } = context;
  const now = clock.now();
  const entrance = tlsEntrance(model);
  const redact = redactorFor(directory, model);
  const observed = engine.observe(model.name);
  const [{ containers }, memory, inspected, monitoring, volumes, certificates, host, supervisor] = await Promise.all([
    observed,
    observed.then((seen) => memoryOf(engine, seen)),
    observed.then((seen) =>
      joined([inspectComponents(engine, model, seen.containers, redact), lookAtBuckets(directory, model)]),
    ),
    observed.then((seen) => readMonitoring(directory, model, engine, seen.containers)),
    engine.volumes(model.name, { sizes: options.sizes ?? false }),
    entrance === undefined ? new Map<string, CertificateStatus>() : readCertificates(directory, model, entrance, now),
    engine.info().then((info) => readHost(info.dataRoot, directory)),
    options.host === undefined ? undefined : readSupervisor(context, options.host),
  ]);
  const { services, problems } = judgeServices(model, containers, memory, now);
  // What answers on the port of an edge that does not run is somebody else's.
  const edgeRuns = services.some(({ name, replicas }) => name === entrance?.service && replicas.running > 0);
  const shown = edgeRuns ? certificates : new Map<string, CertificateStatus>();
  const migrations = migrationStatuses(model.migrations, readHistory(directory));
  const jobs = await jobViews(context);
  const commands = commandStatus(directory);
  const all = [
    ...problems,
    ...inspected.problems,
    ...monitoringProblems(model, monitoring, problems, services, now),
    ...(entrance === undefined ? [] : certificateProblems(model.routes, shown, entrance)),
    ...migrationProblems(migrations, commands.running),
    ...jobProblems(directory, jobs, services, now),
    ...hostProblems(host),
    ...interruptedProblem(commands),
  ];
  return {
    format: 1,
    stack: model.name,
    ...(model.environment !== undefined && { environment: model.environment }),
    at: new Date(now).toISOString(),
    healthy: all.length === 0,
    problems: all.map((problem) => ({ ...problem, message: redact(problem.message) })),
    services,
    components: inspected.facts,
    routes: routeStatuses(model.routes, shown, entrance?.port),
    volumes: volumes.map(({ name, bytes }) => ({ name, ...(bytes !== undefined && { bytes }) })),
    migrations,
    jobs,
    host,
    ...(monitoring !== undefined && { monitoring }),
    ...(supervisor !== undefined && { supervisor }),
    ...commands,
  };
}

async function memoryOf(engine: Engine, { containers }: ObservedStack): Promise<Map<string, number>> {
  const running = containers.filter((container) => container.state === "running");
  const use = await engine.resourceUse(running.map((container) => container.id));
  return new Map([...use].map(([id, { memory }]) => [id, memory]));
}

function migrationStatuses(
  migrations: readonly { app: string }[],
  history: readonly MigrationRecord[],
): MigrationStatus[] {
  return migrations.map(({ app }) => {
    const last = lastMigration(history, app);
    if (last === undefined) return { app };
    const { id, outcome, startedAt, finishedAt, exitCode } = last;
    return {
      app,
      last: {
        id,
        outcome,
        startedAt,
        ...(finishedAt !== undefined && { finishedAt }),
        ...(exitCode !== undefined && { exitCode }),
      },
    };
  });
}

function migrationProblems(
  migrations: readonly MigrationStatus[],
  running: CommandStatus | undefined,
): StatusProblem[] {
  return migrations.flatMap(({ app, last }) => {
    if (last === undefined || last.outcome === "ok") return [];
    if (last.outcome === "unfinished" && running !== undefined) return [];
    const words = last.outcome === "unfinished" ? "was not seen to its end" : `ended badly (${last.outcome})`;
    return [{ subject: app, message: `the last migration of ${app} ${words}`, hint: `./prod.sh migrate ${app}` }];
  });
}

/** The command that is at work now, or one that was cut off. */
function commandStatus(directory: string): { running?: CommandStatus; interrupted?: CommandStatus } {
  const holder = lockHolder(directory);
  if (holder !== undefined) {
    const { command, pid, since } = holder;
    return { running: { command, pid, since: new Date(since).toISOString() } };
  }
  const cutOff = abandonedOperations(directory).find(({ ended }) => !ended);
  if (cutOff === undefined) return {};
  return { interrupted: { command: commandOf(cutOff.operation), since: new Date(cutOff.at).toISOString() } };
}

function interruptedProblem({ interrupted }: { interrupted?: CommandStatus }): StatusProblem[] {
  if (interrupted === undefined) return [];
  const message = `\`${interrupted.command}\` was cut off before its end`;
  return [{ subject: "stack", message, hint: `./prod.sh ${interrupted.command}` }];
}

export interface WatchOptions extends StatusOptions {
  /** Milliseconds between two looks. */
  interval?: number;
}

/** What `--watch` sees: a report, or why there is none at the moment (the engine is being restarted). */
export type StatusGlance = { report: StatusReport; error?: undefined } | { error: StackError; report?: undefined };

/** Looks again and again until aborted; returns the last report. An engine that is away is told and awaited. */
export async function watchStatus(
  context: StatusContext & Pick<Context, "signal">,
  options: WatchOptions,
  onGlance: (glance: StatusGlance) => void,
): Promise<StatusReport | undefined> {
  let last: StatusReport | undefined;
  while (!context.signal.aborted) {
    try {
      last = await runStatus(context, options);
      if (!context.signal.aborted) onGlance({ report: last });
    } catch (error) {
      if (!isUnreachable(error)) throw error;
      onGlance({ error });
    }
    await context.clock.sleep(options.interval ?? 2_000, context.signal).catch(() => {});
  }
  return last;
}

function isUnreachable(error: unknown): error is StackError {
  return error instanceof Error && "code" in error && error.code === "engine-unreachable" && messageOf(error) !== "";
}
