import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { ownLabels, runContainer } from "./container.ts";
import type { Checked, PartsJob } from "./kinds.ts";
import { baseParts, type PostgresSource } from "./postgres-base.ts";
import { type BaseFacts, majorVersion, readBaseFacts } from "./postgres-facts.ts";
import { imageForBase } from "./postgres-image.ts";
import { missingRoom } from "./postgres-room.ts";

/** From here on pg_verifybackup reads tar files as they are. Source: release notes of PostgreSQL 18. */
const readsTar = 18;

/** Each file against the manifest, then the log that comes with the copy. Runs in a folder that is thrown away. */
function script({ timeline, startLsn, endLsn, ...facts }: BaseFacts, hasRoom: boolean): string {
  const unpack = "tar -I 'zstd -dq' --no-same-owner -xf";
  const files = comparesTar(facts)
    ? "pg_verifybackup --format=tar --no-parse-wal /backup"
    : !hasRoom
      ? `${unpack.replace("-xf", "-tf")} /backup/base.tar.zst >/dev/null`
      : `mkdir base && ${unpack} /backup/base.tar.zst -C base && pg_verifybackup --no-parse-wal -m /backup/backup_manifest base`;
  return `set -eu
cd /scratch
${files}
mkdir wal
${unpack} /backup/pg_wal.tar.zst -C wal
pg_waldump --quiet --path=wal --timeline=${timeline} --start=${startLsn} --end=${endLsn}`;
}

function comparesTar(facts: Pick<BaseFacts, "serverVersion">): boolean {
  return majorVersion(facts) >= readsTar;
}

/** Has the server's own programs compare every file with the server's manifest and read the log that belongs to it. */
export async function checkBase({ context, source, chain }: PartsJob<PostgresSource>): Promise<Checked> {
  const last = chain.at(-1);
  if (last === undefined) throw new Error("a check needs a snapshot");
  const facts = readBaseFacts(last.manifest);
  const image = await imageForBase(context, source, last.manifest);
  const hasRoom = (await missingRoom(context, facts)) === 0;
  const volume = await scratchVolume(context, source);
  try {
    const { exitCode, oomKilled, output } = await runContainer(context, {
      purpose: `check-${source.name}`,
      image,
      // Owns the new volume's root, and needs no capability for that.
      user: "0:0",
      entrypoint: ["sh", "-c"],
      command: [script(facts, hasRoom)],
      binds: partBinds(last),
      volumes: [{ volume, target: "/scratch", readOnly: false }],
      tmpfs: [{ target: "/tmp", options: "size=16m,mode=1777" }],
    });
    if (exitCode === 0) return { ok: true, detail: whatAgrees(facts, hasRoom) };
    const why = oomKilled ? "out of memory" : output.slice(-3).join("; ");
    return { ok: false, detail: `exit code ${exitCode}: ${why}` };
  } finally {
    await context.engine.removeVolume(volume);
  }
}

function whatAgrees(facts: BaseFacts, hasRoom: boolean): string {
  const files =
    hasRoom || comparesTar(facts)
      ? `${facts.files} files agree with the server's manifest`
      : `${facts.files} files could be read (the disk has no room to compare them with the server's manifest)`;
  return `${files}, the log from ${facts.startLsn} to ${facts.endLsn} is whole`;
}

/** The parts, each mounted by itself: the folder that they lie in may be entered by its owner alone. */
export function partBinds({ manifest, folder }: { manifest: SnapshotManifest; folder: string }) {
  const names = manifest.parts
    .map(({ name }) => name)
    .filter((name) => (baseParts as readonly string[]).includes(name));
  return names.map((name) => ({ source: join(folder, name), target: `/backup/${name}`, readOnly: true }));
}

/** A new volume with the label of its maker: should that die, the next command removes it. */
async function scratchVolume({ engine, model }: Context, { volume }: PostgresSource): Promise<string> {
  const name = engineName(model, `${volume}_check-${randomBytes(3).toString("hex")}`);
  await engine.createVolume(name, ownLabels(model, "check"));
  return name;
}
