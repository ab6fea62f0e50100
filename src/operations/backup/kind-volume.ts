import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { type RunEnd, runContainer, toolbox } from "./container.ts";
import type { Checked, Loaded, LoadJob, PartsJob, Produced, ProduceJob, SourceKind } from "./kinds.ts";
import { parsePartLines } from "./part-lines.ts";
import { quiesced } from "./quiesce.ts";
import {
  compareCounts,
  countsIn,
  factsIn,
  isEmpty,
  numberOf,
  readClock,
  setBack,
  type VolumeFacts,
} from "./volume-facts.ts";
import { databaseAtWork } from "./volume-guard.ts";
import { recall, remember } from "./volume-memory.ts";
import { captureScript, checkScript, forgetRenamed, loadScript } from "./volume-scripts.ts";

type VolumeSource = DataSourceOf<"volume">;

/** A day of increments, one every ten minutes: each is one more archive to read when it comes to a restore. */
const longestChain = 24 * 6;
/** Exit code of the capture when it found a database server's files. */
const refusedByGuard = 65;

/**
 * Named volumes as archives of GNU tar, full or of what changed (`--listed-incremental`), compressed with zstd:
 * `zstd -dc volume.tar.zst | tar --extract --listed-incremental=/dev/null` of each, the oldest first, brings one back.
 */
export const volumeKind: SourceKind<VolumeSource> = {
  plan(lane, _source, earlier) {
    if (lane === "dump") return [];
    if (lane === "full") return ["full"];
    const chain = newestChain(earlier);
    return chain.length === 0 || chain.length > longestChain ? ["full"] : ["incremental"];
  },
  produce,
  check,
  load,
};

/** The newest snapshot that has all it builds on, and those, oldest first. */
function newestChain(earlier: readonly SnapshotManifest[]): SnapshotManifest[] {
  const byId = new Map(earlier.map((manifest) => [manifest.id, manifest]));
  for (const newest of [...earlier].reverse()) {
    const chain = [newest];
    let [oldest] = chain;
    while (oldest?.parent !== undefined) {
      oldest = byId.get(oldest.parent);
      if (oldest !== undefined) chain.unshift(oldest);
    }
    if (oldest?.type === "full") return chain;
  }
  return [];
}

async function produce(job: ProduceJob<VolumeSource>): Promise<Produced> {
  const { context, journal, source, type, id, staging, memory, earlier } = job;
  const previous = newestChain(earlier).at(-1);
  const parent = type === "incremental" ? parentOr(source, previous) : undefined;
  await requireVolume(context, source);
  // Before anything stands still for it.
  const reference = await toolbox(context);
  const image = await context.engine.image(reference);
  const clock = readClock(context.clock.now());
  if (parent !== undefined) layMemory(parent, clock, memory, join(staging, ".parent"));
  const warnings: string[] = [];
  const warn = (text: string) => void warnings.push(text);
  let pointInTime = 0;
  const { output } = await quiesced(
    context,
    journal,
    source,
    async (still) => {
      pointInTime = context.clock.now();
      return capture(still, source, reference, staging);
    },
    warn,
  );
  const facts = readFacts(output, clock);
  facts.memory = remember(memory, id, join(staging, ".snar"), previous === undefined ? [] : [previous.id]);
  for (const name of [".snar", ".parent"]) rmSync(join(staging, name), { force: true });
  warnings.push(...changedWarning(output), ...stillnessWarning(source, facts), ...emptyWarning(facts, previous));
  return {
    parts: parsePartLines(`The archive of ${source.name}`, output),
    ...(parent !== undefined && { parent: parent.id }),
    pointInTime,
    ...(image !== undefined && { image: { reference, id: image.id, digests: image.digests } }),
    facts: { ...facts },
    warnings,
  };
}

function parentOr(source: VolumeSource, parent: SnapshotManifest | undefined): SnapshotManifest {
  if (parent !== undefined) return parent;
  throw new StackError({
    code: "no-parent",
    exit: "backupFailed",
    message: `There is no full copy of ${source.name} that an increment could build on`,
    hint: `./prod.sh backup run --only ${source.name}`,
  });
}

/** Without it tar copies everything, which is right as well and takes longer. */
function layMemory(parent: SnapshotManifest, clock: VolumeFacts["clock"], memory: string, to: string): void {
  const facts = parent.facts as Partial<VolumeFacts>;
  if (facts.memory === undefined || setBack(facts.clock, clock)) return;
  if (recall(memory, parent.id, facts.memory, to)) chmodSync(to, 0o644);
}

async function requireVolume({ engine, model }: Context, source: VolumeSource): Promise<void> {
  const name = engineName(model, source.volume);
  if ((await engine.volume(name)) !== undefined) return;
  const { containers } = await engine.observe(model.name);
  const made = containers.some(({ service }) => service === source.service);
  throw new StackError({
    code: made ? "volume-missing" : "source-not-created",
    exit: "backupFailed",
    message: made
      ? `The volume ${name} is not there, though ${source.service} is`
      : `The volume ${name} is not there yet: ${source.service} was never started`,
    hint: made ? `./prod.sh restore run --only ${source.name}` : "./prod.sh start",
  });
}

async function capture(context: Context, source: VolumeSource, image: string, staging: string): Promise<RunEnd> {
  const volume = engineName(context.model, source.volume);
  const users = source.consistency.kind === "live" ? await context.engine.usersOf(volume) : [];
  const atWork = users.find(({ state }) => state === "running");
  const ended = await runContainer(context, {
    purpose: `backup-${source.name}`,
    image,
    user: "0:0",
    entrypoint: ["nice", "-n", "10", "bash", "-c"],
    command: [captureScript, "capture", forgetRenamed, atWork === undefined ? "" : "guard"],
    binds: [{ source: staging, target: "/backup", readOnly: false }],
    volumes: [{ volume, target: "/data", readOnly: true }],
    tmpfs: [{ target: "/tmp", options: "size=64m,mode=1777" }],
    capabilities: ["DAC_READ_SEARCH"],
  });
  if (ended.exitCode === 0) return ended;
  const marks = ended.output.flatMap((line) => (line.startsWith("mark ") ? [line.slice("mark ".length)] : []));
  if (ended.exitCode === refusedByGuard && atWork !== undefined) throw databaseAtWork(source.name, atWork.name, marks);
  throw failed(`The archive of ${source.name}`, ended, `./prod.sh backup run --only ${source.name}`);
}

function readFacts(output: readonly string[], clock: VolumeFacts["clock"]): VolumeFacts {
  const facts = factsIn(output);
  const counts = countsIn(facts);
  return {
    ...counts,
    empty: isEmpty(counts),
    unsettled: numberOf(facts, "unsettled"),
    members: numberOf(facts, "members"),
    memory: "",
    clock,
  };
}

/** What changes while it is read is copied as it was read, and again next time: its time is newer than this copy's. */
function changedWarning(output: readonly string[]): string[] {
  const changed = output.flatMap((line) => (line.startsWith("changed ") ? [line.slice("changed ".length)] : []));
  if (changed.length === 0) return [];
  return [`changed while they were read, to be copied again next time: ${changed.slice(0, 20).join("; ")}`];
}

function stillnessWarning({ consistency: { kind }, name }: VolumeSource, { unsettled }: VolumeFacts): string[] {
  if (unsettled === 0 || (kind !== "stop" && kind !== "pause")) return [];
  return [`something wrote to ${name} while its service stood still (${unsettled} entries)`];
}

function emptyWarning({ empty }: VolumeFacts, previous: SnapshotManifest | undefined): string[] {
  const before = previous?.facts as Partial<VolumeFacts> | undefined;
  return empty && before?.empty === false ? [`it is empty, and at the last copy it held ${before.files} files`] : [];
}

function failed(what: string, { exitCode, oomKilled, output }: RunEnd, hint: string): StackError {
  return new StackError({
    code: "backup-task-failed",
    exit: "backupFailed",
    message: `${what} failed: ${oomKilled ? "out of memory" : `exit code ${exitCode}`}`,
    details: output.slice(-15),
    hint,
  });
}

/** Reads the newest archive of the chain to its end; those before it were read when they were made. */
async function check({ context, source, chain }: PartsJob<VolumeSource>): Promise<Checked> {
  const newest = chain.at(-1);
  if (newest === undefined) return { ok: false, detail: "there is nothing to look at" };
  const { exitCode, output } = await runContainer(context, {
    purpose: `check-${source.name}`,
    image: await toolbox(context),
    user: "0:0",
    entrypoint: ["bash", "-c"],
    command: [checkScript],
    binds: [{ source: newest.folder, target: "/backup", readOnly: true }],
    capabilities: ["DAC_READ_SEARCH"],
  });
  if (exitCode !== 0) return { ok: false, detail: `volume.tar.zst cannot be read: ${output.slice(-2).join("; ")}` };
  const { members } = newest.manifest.facts as unknown as VolumeFacts;
  const found = Number(output.at(-1));
  if (found !== members) return { ok: false, detail: `volume.tar.zst holds ${found} entries, not ${members}` };
  return { ok: true, detail: `volume.tar.zst: ${found} entries can be read` };
}

async function load(job: LoadJob<VolumeSource>): Promise<Loaded> {
  const { context, source, chain, depth } = job;
  const facts = chain.at(-1)?.manifest.facts as unknown as VolumeFacts;
  const restored = await job.newVolume("");
  const ended = await runContainer(context, {
    purpose: `load-${source.name}`,
    image: await toolbox(context),
    user: "0:0",
    entrypoint: ["bash", "-c"],
    command: [loadScript, "load", String(chain.length), depth],
    binds: chain.map(({ folder }, number) => ({ source: folder, target: `/backup/${number}`, readOnly: true })),
    volumes: [{ volume: restored, target: "/data", readOnly: false }],
    tmpfs: [{ target: "/tmp", options: "size=1g,mode=1777" }],
    capabilities: ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"],
  });
  if (ended.exitCode !== 0) throw failed(`Loading ${source.name}`, ended, "./prod.sh backup verify --all");
  const found = countsIn(factsIn(ended.output));
  const checks = [compareCounts(facts, found), ...(depth === "deep" ? [compared(ended.output)] : [])];
  return { volumes: [{ restored, replaces: source.volume }], checks, facts: { ...found } };
}

function compared(output: readonly string[]): Checked {
  const differences = output.flatMap((line) => (line.startsWith("differs ") ? [line.slice("differs ".length)] : []));
  if (differences.length > 0) return { ok: false, detail: `not as in the archive: ${differences.join("; ")}` };
  return { ok: true, detail: "the newest archive was compared with what came out, byte by byte" };
}
