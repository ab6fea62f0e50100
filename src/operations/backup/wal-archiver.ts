import type { Context } from "../context.ts";
import type { PostgresSource } from "./postgres-base.ts";

/** What the running server says of its archiving. Times in milliseconds since 1970. */
export interface ArchiverState {
  /** When it was asked. */
  askedAt: number;
  systemId: string;
  /** Of the server now. */
  timeline: number;
  on: boolean;
  /** Milliseconds after which a segment with a change in it is archived though it is not full; 0: never. */
  timeout: number;
  /** Files that wait in pg_wal. */
  ready: number;
  lastArchived?: string;
  lastArchivedAt?: number;
  failures: number;
  lastFailed?: string;
  lastFailedAt?: number;
}

const question = `SELECT json_build_object(
  'systemId', (SELECT system_identifier::text FROM pg_control_system()),
  'timeline', (SELECT timeline_id FROM pg_control_checkpoint()),
  'on', current_setting('archive_mode') <> 'off' AND current_setting('archive_command') <> '',
  'timeout', (SELECT setting::bigint * 1000 FROM pg_settings WHERE name = 'archive_timeout'),
  'ready', (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'),
  'lastArchived', last_archived_wal,
  'lastArchivedAt', (extract(epoch FROM last_archived_time) * 1000)::bigint,
  'failures', failed_count,
  'lastFailed', last_failed_wal,
  'lastFailedAt', (extract(epoch FROM last_failed_time) * 1000)::bigint) FROM pg_stat_archiver`;

const patience = 20_000;

/** Asks the running server over its socket. Undefined where it does not run or does not answer. */
export async function askArchiver(context: Context, source: PostgresSource): Promise<ArchiverState | undefined> {
  const { engine, model, clock } = context;
  const { containers } = await engine.observe(model.name);
  const found = containers.find(({ service, oneOff }) => service === source.service && !oneOff);
  if (found?.state !== "running") return undefined;
  const askedAt = clock.now();
  const psql = ["psql", "--no-psqlrc", "--no-password", "-At", "-v", "ON_ERROR_STOP=1", "-U", "postgres"];
  try {
    const { exitCode, stdout } = await engine.exec(found.id, [...psql, "-d", "postgres", "-c", question], {
      user: source.user,
      timeout: patience,
    });
    if (exitCode !== 0) return undefined;
    const answer = Object.entries(JSON.parse(stdout) as Record<string, unknown>).filter(([, value]) => value !== null);
    return { askedAt, ...(Object.fromEntries(answer) as Omit<ArchiverState, "askedAt">) };
  } catch {
    // It starts, stops or is overloaded: what it has archived is in the spool all the same.
    context.signal.throwIfAborted();
    return undefined;
  }
}

/** Archived a moment later than its time, while the server is busy with a checkpoint. */
const slack = 15_000;

/**
 * Up to when every change is in the archive, by the server's own account: nothing waits, and what is older than its
 * time-out has been handed over. Undefined where that cannot be said.
 */
export function archivedUntil(state: ArchiverState | undefined): number | undefined {
  if (state === undefined || !state.on || state.ready > 0 || state.timeout <= 0) return undefined;
  return state.askedAt - state.timeout - slack;
}

/** What is wrong with the archiving, in lines for people. */
export function archiverProblems(source: string, state: ArchiverState | undefined): string[] {
  if (state === undefined) return [];
  if (!state.on) return [`${source} does not archive its log: archive_mode is off`];
  const { ready, lastFailed, lastFailedAt = 0, lastArchivedAt = 0 } = state;
  const time = new Date(lastFailedAt).toISOString();
  return [
    ...(lastFailedAt > lastArchivedAt
      ? [`${source} cannot archive ${lastFailed ?? "its log"}, last tried ${time}`]
      : []),
    ...(ready > manyWaiting ? [`${ready} files of the log of ${source} wait to be archived`] : []),
  ];
}

const manyWaiting = 10;
