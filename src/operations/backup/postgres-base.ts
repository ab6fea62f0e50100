import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { imageOfService, type RunSpec, runContainer } from "./container.ts";
import type { Produced, ProduceJob } from "./kinds.ts";
import { parsePartLines, reportFunction } from "./part-lines.ts";
import { baseFacts, type ServerAnswer, walRange } from "./postgres-facts.ts";

export type PostgresSource = DataSourceOf<"postgres">;

/** Parts of a base backup, as the server's own program names them. */
export const baseParts = ["base.tar.zst", "pg_wal.tar.zst", "backup_manifest"] as const;

const socketFolder = "/var/run/postgresql";
const hasTablespaces = 64;

/** One JSON document in one line. */
const question = `SELECT json_build_object(
  'systemId', (SELECT system_identifier::text FROM pg_control_system()),
  'serverVersion', current_setting('server_version_num')::int,
  'walSegmentSize', pg_size_bytes(current_setting('wal_segment_size')),
  'checksums', current_setting('data_checksums') = 'on',
  'databases', (SELECT json_object_agg(datname, pg_database_size(oid)) FROM pg_database WHERE datallowconn))`;

const tablespaces = "SELECT spcname FROM pg_tablespace WHERE spcname NOT IN ('pg_default', 'pg_global')";

/**
 * The copy goes over the socket as it is and is compressed here, so that it costs the server's share of the processors
 * nothing. The log that the copy needs to be whole comes with it, whatever becomes of the archive. A server without
 * zstd (none of the published images) gives plain tar files, which are compressed afterwards.
 */
const script = `set -euo pipefail
umask 022
${reportFunction}
ask() { psql --no-psqlrc --no-password -v ON_ERROR_STOP=1 -At "$@"; }
copy() {
  pg_basebackup --no-password -D /backup -Ft -X stream -c fast --manifest-checksums=SHA256 "$@" 2>/tmp/said && return
  cat /tmp/said >&2
  return 1
}
spaces=$(ask -c "$TABLESPACES")
[ -z "$spaces" ] || { echo "$spaces"; exit ${hasTablespaces}; }
ask -o /tmp/server.json -c "$QUESTION"
copy --compress=client-zstd:level=1,workers=2 || {
  if grep -q 'worker count' /tmp/said; then copy --compress=client-zstd:level=1
  elif grep -q 'does not support compression' /tmp/said; then copy
  else exit 1
  fi
}
ask -o /tmp/stopped -c "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\\"T\\"HH24:MI:SS.MS\\"Z\\"')"
cd /backup
for tar in *.tar; do
  [ ! -e "$tar" ] || zstd -q -1 -T2 --rm "$tar"
done
cat /tmp/server.json /tmp/stopped >server
chmod a+r *
for part in ${baseParts.join(" ")}; do report "$part"; done`;

/** A physical copy of the running server, whole by itself, over its Unix socket. */
export async function produceBase(job: ProduceJob<PostgresSource>): Promise<Produced> {
  const { context, source, staging } = job;
  await runningServer(context, source);
  const image = await imageOfService(context, source.service);
  const what = `The base backup of ${source.name}`;
  const { exitCode, oomKilled, output } = await runContainer(context, baseTask(context, source, image.id, staging));
  if (exitCode === hasTablespaces) throw tablespacesRefused(source.name, output);
  if (exitCode !== 0) throw failed(what, source, { exitCode, oomKilled, output });
  const parts = parsePartLines(what, output);
  const facts = factsIn(staging, source.name);
  const warnings = facts.checksums
    ? []
    : [`${source.name} keeps no checksums of its pages: damage on the disk is not noticed`];
  return { parts, pointInTime: Date.parse(facts.stoppedAt), image, facts: { ...facts }, warnings };
}

/** Id of the container that serves; a server that does not run is a failed backup, never a skipped one. */
export async function runningServer({ engine, model }: Context, source: PostgresSource): Promise<string> {
  const { containers } = await engine.observe(model.name);
  const found = containers.find(({ service, oneOff }) => service === source.service && !oneOff);
  if (found?.state === "running") return found.id;
  throw new StackError({
    code: "source-not-running",
    exit: "backupFailed",
    message: `${source.name} is ${found === undefined ? "not there" : found.state}: only a running server can be copied`,
    hint: `./prod.sh start ${source.service}`,
  });
}

function baseTask({ model }: Context, source: PostgresSource, image: string, staging: string): RunSpec {
  return {
    purpose: `backup-${source.name}`,
    image,
    // The socket lets this user in as the superuser, without a password (pg_hba.conf).
    user: source.user,
    entrypoint: ["bash", "-c"],
    command: [script],
    environment: {
      PGHOST: socketFolder,
      PGUSER: "postgres",
      PGDATABASE: "postgres",
      QUESTION: question.replace(/\s+/g, " "),
      TABLESPACES: tablespaces,
    },
    binds: [{ source: staging, target: "/backup", readOnly: false }],
    volumes: [{ volume: engineName(model, source.socketVolume), target: socketFolder, readOnly: true }],
    tmpfs: [{ target: "/tmp", options: "size=64m,mode=1777" }],
  };
}

function factsIn(staging: string, name: string) {
  const [answer = "", stoppedAt = ""] = readFileSync(join(staging, "server"), "utf8").split("\n");
  const manifest = readFileSync(join(staging, "backup_manifest"), "utf8");
  const range = walRange(manifest);
  const files = manifest.split('"Path": ').length - 1;
  const facts = range && baseFacts(JSON.parse(answer) as ServerAnswer, range, { stoppedAt, files });
  if (facts !== undefined) return facts;
  throw new StackError({
    code: "backup-incomplete",
    exit: "backupFailed",
    message: `The manifest that ${name} wrote does not say which part of its log the copy needs`,
    hint: `./prod.sh backup run --only ${name}`,
  });
}

function tablespacesRefused(name: string, output: readonly string[]): StackError {
  return new StackError({
    code: "tablespaces",
    exit: "backupFailed",
    message: `${name} has tablespaces (${output.join(", ")}), which lie outside of its volume`,
    hint: "move their tables to pg_default and drop them: ALTER TABLE … SET TABLESPACE pg_default",
  });
}

function failed(
  what: string,
  { service }: PostgresSource,
  { exitCode, oomKilled, output }: { exitCode: number; oomKilled: boolean; output: string[] },
): StackError {
  return new StackError({
    code: "backup-task-failed",
    exit: "backupFailed",
    message: `${what} failed: ${oomKilled ? "out of memory" : `exit code ${exitCode}`}`,
    details: output.slice(-15),
    hint: `./prod.sh logs ${service}`,
  });
}
