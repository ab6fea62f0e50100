import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { giveVolume, withStanding } from "../restore/throw-away.ts";
import { imageOfService, runContainer, runToEnd, taskSpec, throwAwaySpec } from "./container.ts";
import { type CountRange, type Counts, compareCounts, parseCounts, plausible } from "./counts.ts";
import type { Checked, Loaded, LoadJob, PartsJob, ProducedPart, ProduceJob, SourceKind } from "./kinds.ts";
import { liveService } from "./live-service.ts";
import { partBinds } from "./part-binds.ts";
import { parsePartLines, reportFunction } from "./part-lines.ts";

type DumpSource = DataSourceOf<"dump">;

/** Servers that write all they hold into files and are filled from them. All that differs between them is data. */
export const dumpKind: SourceKind<DumpSource> = {
  // A copy is small beside what changes between two of them: every one is whole.
  plan: (lane) => (lane === "dump" ? [] : ["full"]),
  produce,
  check,
  load,
};

async function produce({ context, source, staging }: ProduceJob<DumpSource>) {
  const { clock } = context;
  const live = await liveService(context, source.service, source.standIns);
  const image = await imageOfService(context, source.service);
  const before = await countIn(context, source, live);
  const pointInTime = clock.now();
  const output = await runToEnd(context, `The copy of ${source.name}`, {
    purpose: "backup-capture",
    ...taskSpec(context, source.capture, image.id, { binds: [staged(staging)] }),
  });
  const after = await countIn(context, source, live);
  return {
    parts: await reportParts(context, source, image.id, staging),
    pointInTime,
    image,
    facts: { counts: { before, after } },
    warnings: output.flatMap((line) => (line.startsWith("warning: ") ? [line.slice("warning: ".length)] : [])),
  };
}

const staged = (source: string) => ({ source, target: "/backup", readOnly: false });

async function countIn({ engine }: Context, source: DumpSource, container: string): Promise<Counts> {
  const { exitCode, stdout, stderr } = await engine.exec(container, source.count);
  return parseCounts(source.name, exitCode === 0 ? stdout : stderr || stdout);
}

/** Every file that is there, counted and hashed where it was written. Folders and odd names are refused, not left out. */
const reportAll = `set -eu
${reportFunction}
cd /backup
for file in $(ls -A); do
  [ -f "$file" ] || { echo "$file is no file" >&2; exit 1; }
  chmod a+r "$file"
  report "$file"
done`;

async function reportParts(
  context: Context,
  source: DumpSource,
  image: string,
  staging: string,
): Promise<ProducedPart[]> {
  const what = `The copy of ${source.name}`;
  const output = await runToEnd(context, what, {
    purpose: "backup-report",
    image,
    user: source.capture.user,
    entrypoint: ["sh", "-c"],
    command: [reportAll],
    binds: [staged(staging)],
  });
  return parsePartLines(what, output);
}

async function check(job: PartsJob<DumpSource>): Promise<Checked> {
  const { manifest } = newestOf(job.chain);
  const names = manifest.parts.map(({ name }) => name).join(", ");
  const looked = await lookAt(job);
  if (!looked.ok) return { ok: false, detail: `${names}: ${looked.detail}` };
  const range = rangeIn(manifest);
  if (looked.counts === undefined || range === undefined) return { ok: true, detail: `${names}: sound` };
  const { ok, detail } = plausible(range, looked.counts);
  return { ok, detail: `${names}: ${detail}` };
}

/** Has the server's own checker read the files. It may say what they hold, in a line `count {"keys": 3}`. */
async function lookAt({ context, source, chain }: PartsJob<DumpSource>): Promise<Checked & { counts?: Counts }> {
  const { manifest, folder } = newestOf(chain);
  const { exitCode, oomKilled, output } = await runContainer(context, {
    purpose: "backup-check",
    ...taskSpec(context, source.check, await imageThatReads(context, source, manifest), {
      binds: partBinds(folder, manifest.parts),
    }),
  });
  if (exitCode !== 0) {
    const said = output.filter((line) => line.trim() !== "").slice(-5);
    return { ok: false, detail: oomKilled ? "out of memory" : said.join("; ") || `exit code ${exitCode}` };
  }
  const counts = output.find((line) => line.startsWith("count "))?.slice("count ".length);
  return { ok: true, detail: "", ...(counts !== undefined && { counts: parseCounts(source.name, counts) }) };
}

async function load(job: LoadJob<DumpSource>): Promise<Loaded> {
  const { context, source, chain } = job;
  const { manifest, folder } = newestOf(chain);
  const looked = await lookAt(job);
  if (!looked.ok) throw notSound(manifest, looked);
  const image = (await imageOfService(context, source.service)).id;
  const volume = await job.newVolume("");
  await giveVolume(context, image, volume, source.load.user);
  await runToEnd(context, `Loading ${source.name}`, {
    purpose: "restore-load",
    ...taskSpec(context, source.load, image, {
      binds: partBinds(folder, manifest.parts),
      volumes: [{ volume, target: source.target, readOnly: false }],
    }),
  });
  const counts = await countCopy(context, source, image, volume);
  return {
    volumes: [{ restored: volume, replaces: source.volume }],
    checks: [compareCounts(expected(manifest, looked.counts), counts)],
    reached: Date.parse(manifest.pointInTime),
    facts: { counts },
  };
}

/** What the files themselves say is exact; the rest is what the live server said before and after. */
function expected(manifest: SnapshotManifest, inFiles: Counts = {}): CountRange {
  const { before, after } = rangeIn(manifest) ?? { before: {}, after: {} };
  return { before: { ...before, ...inFiles }, after: { ...after, ...inFiles } };
}

/** Starts the source's server on the copy, without a network, and counts what it has read. */
async function countCopy(context: Context, source: DumpSource, image: string, volume: string): Promise<Counts> {
  const service = context.model.services.find(({ name }) => name === source.service);
  if (service === undefined) throw new Error(`the model has no service ${source.service}`);
  const spec = throwAwaySpec(context, service, {
    volumes: { [source.volume]: volume },
    image,
    purpose: "restore-look",
  });
  const what = `${source.service} on the restored copy`;
  return withStanding(context, { what, service, spec }, ({ id }) => countIn(context, source, id));
}

/** What can read the files: the image that wrote them, where the engine still has it. */
async function imageThatReads(context: Context, source: DumpSource, { image }: SnapshotManifest): Promise<string> {
  for (const reference of image === undefined ? [] : [image.id, ...image.digests]) {
    const found = await context.engine.image(reference);
    if (found !== undefined) return found.id;
  }
  return (await imageOfService(context, source.service)).id;
}

function notSound({ id }: SnapshotManifest, { detail }: Checked): StackError {
  return new StackError({
    code: "backup-check-failed",
    exit: "backupFailed",
    message: `The snapshot ${id} is damaged: ${detail}`,
    hint: "./prod.sh backup list shows others",
  });
}

function newestOf(chain: PartsJob<DumpSource>["chain"]) {
  const last = chain.at(-1);
  if (last === undefined) throw new Error("a chain has at least one snapshot");
  return last;
}

function rangeIn({ facts }: SnapshotManifest): CountRange | undefined {
  return (facts as { counts?: CountRange }).counts;
}
