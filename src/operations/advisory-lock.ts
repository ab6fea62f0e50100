import type { OpenExec } from "../engine/engine.ts";
import type { Migration } from "../stack/model.ts";
import { StackError } from "../support/errors.ts";
import { formatAge } from "../support/units.ts";
import type { Context } from "./context.ts";

type Database = NonNullable<Migration["postgres"]>;
type LockContext = Pick<Context, "engine" | "clock" | "signal" | "progress">;

export interface AdvisoryLockRequest {
  app: string;
  database: Database;
  /** Container of the Postgres server. */
  container: string;
  /** Milliseconds to wait for another session to let go; 0 fails at once. */
  wait: number;
}

/** A lock that a database session holds: it ends with the session, and the session with this process. */
export interface AdvisoryLock {
  /** Resolves when the session ends, whether we let it go or the server did. */
  ended: Promise<void>;
  release(): Promise<void>;
}

/** A session that holds the lock, as Postgres tells it. */
interface LockHolder {
  pid: number;
  application: string;
  role: string;
  address: string | null;
  since: string | null;
}

const pollInterval = 1_000;
const answerMark = "answer:";

/** Name whose hash is the lock's number. Whoever else migrates the same app can take it too. */
export function advisoryLockName(app: string): string {
  return `create-stack:migrate:${app}`;
}

/**
 * Keeps everybody else (another server on the same database, a person with the same habit) from migrating this app
 * while we do. The session is opened inside the server's container over its Unix socket, so that no password is needed.
 */
export async function takeAdvisoryLock(context: LockContext, request: AdvisoryLockRequest): Promise<AdvisoryLock> {
  const { app, database, container } = request;
  const exec = await context.engine.openExec(container, sessionCommand(app, database));
  const ask = asker(exec, database);
  try {
    // A server that ends idle sessions would end this one in the middle of a long migration.
    await ask("set_config('idle_session_timeout', '0', false)");
    await waitForLock(context, request, ask);
  } catch (error) {
    await exec.close();
    throw error;
  }
  const ended = untilEnd(exec);
  return {
    ended,
    async release() {
      await exec.close();
      await ended;
    },
  };
}

async function waitForLock(
  { clock, signal, progress }: LockContext,
  request: AdvisoryLockRequest,
  ask: (expression: string) => Promise<string>,
): Promise<void> {
  const { app, wait } = request;
  const key = `hashtext(${literal(advisoryLockName(app))})::bigint`;
  const deadline = clock.now() + wait;
  for (let announced = false; ; ) {
    if ((await ask(`pg_try_advisory_lock(${key})::text`)) === "true") return;
    const holder = parseHolder(await ask(holderQuery(key)));
    if (clock.now() >= deadline) throw held(request, holderText(holder, clock.now()));
    if (!announced) progress.line(`Waiting for ${holderText(holder, clock.now())} to let go of migrations of ${app}`);
    announced = true;
    await clock.sleep(pollInterval, signal);
  }
}

function sessionCommand(app: string, { database, user }: Database): string[] {
  const name = `create-stack migrate ${app}, process ${process.pid}`.slice(0, 63);
  const connection = { dbname: database, user, application_name: name, connect_timeout: "10" };
  const words = Object.entries(connection).map(([key, value]) => `${key}='${value.replace(/[\\']/g, "\\$&")}'`);
  return ["psql", "--no-psqlrc", "-qAt", "-v", "ON_ERROR_STOP=1", "--dbname", words.join(" ")];
}

/** Asks for the value of an SQL expression; whatever else the session prints is evidence for when it breaks. */
function asker(exec: OpenExec, database: Database): (expression: string) => Promise<string> {
  const said: string[] = [];
  return async (expression) => {
    exec.write(`select '${answerMark}' || coalesce((${expression}), '');\n`);
    for (;;) {
      const line = await exec.readLine();
      if (line === undefined) throw noSession(database, said);
      if (line.startsWith(answerMark)) return line.slice(answerMark.length);
      if (line.trim() !== "") said.push(line);
    }
  };
}

async function untilEnd(exec: OpenExec): Promise<void> {
  while ((await exec.readLine()) !== undefined);
}

/** The number of a lock is kept in two halves; of several waiting and holding sessions only one holds it. */
function holderQuery(key: string): string {
  return [
    "select json_build_object('pid', a.pid, 'application', a.application_name, 'role', a.usename,",
    "'address', a.client_addr, 'since', a.backend_start)::text",
    "from pg_locks l join pg_stat_activity a on a.pid = l.pid",
    "where l.locktype = 'advisory' and l.granted and l.objsubid = 1",
    "and l.database = (select oid from pg_database where datname = current_database())",
    `and ((l.classid::bigint << 32) | l.objid::bigint) = ${key} limit 1`,
  ].join(" ");
}

function parseHolder(answer: string): LockHolder | undefined {
  return answer === "" ? undefined : (JSON.parse(answer) as LockHolder);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Undefined where it let go between the two questions. */
function holderText(holder: LockHolder | undefined, now: number): string {
  if (holder === undefined) return "a session that has just ended";
  const { pid, application, role, address, since } = holder;
  const name = application === "" ? "a session" : `"${application}"`;
  const age = since === null ? "" : `, open for ${formatAge(now - Date.parse(since))}`;
  return `${name} (database process ${pid}, role ${role}${address === null ? "" : `, from ${address}`}${age})`;
}

function held({ app, database }: AdvisoryLockRequest, holder: string): StackError {
  return new StackError({
    code: "migration-locked",
    exit: "locked",
    message: `The lock on migrations of ${app} in database ${database.database} of ${database.service} is held by ${holder}`,
    hint: `./prod.sh migrate ${app} --wait 10m`,
  });
}

function noSession({ service, database, user }: Database, said: readonly string[]): StackError {
  return new StackError({
    code: "migration-lock-failed",
    exit: "unhealthy",
    message: `No session in database ${database} of ${service} as ${user}, so that the migration cannot be kept from running twice`,
    details: said.slice(-10),
    hint: `./prod.sh logs ${service} --tail 50`,
  });
}
