import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { composeIn } from "../../src/engine/compose.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { purposeLabel, type RunSpec, stackLabel, throwAwaySpec } from "../../src/operations/backup/container.ts";
import type { LoadJob, PartsJob, Produced, ProduceJob } from "../../src/operations/backup/kinds.ts";
import { makeStaging } from "../../src/operations/backup/snapshot.ts";
import type { Context } from "../../src/operations/context.ts";
import { openJournal } from "../../src/operations/journal.ts";
import { type StandingServer, withStanding } from "../../src/operations/restore/throw-away.ts";
import { type SnapshotManifest, type SnapshotType, snapshotId } from "../../src/snapshots/manifest.ts";
import type { DataSource, DataSourceOf } from "../../src/stack/data-source.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { systemClock } from "../../src/support/clock.ts";
import { recordedProgress } from "./scenario.ts";

/** A context for the operations of a stack that a test has made. */
export function contextFor(
  stack: { directory: string; model: StackModel },
  engine: Engine,
  signal = new AbortController().signal,
): Context {
  const { directory, model } = stack;
  return {
    directory,
    model,
    engine,
    compose: composeIn(directory),
    clock: systemClock,
    progress: recordedProgress(),
    signal,
  };
}

/** A source of the stack, by its name. */
export function sourceOf<Kind extends DataSource["kind"]>(
  model: StackModel,
  kind: Kind,
  name: string,
): DataSourceOf<Kind> {
  const found = model.dataSources.find((source) => source.name === name && source.kind === kind);
  if (found === undefined) throw new Error(`no source ${name} of kind ${kind}`);
  return found as DataSourceOf<Kind>;
}

/** What a producer is given, in a new staging folder. */
export function produceJob<Source extends DataSource>(
  context: Context,
  source: Source,
  type: SnapshotType = "full",
): ProduceJob<Source> {
  const id = snapshotId(Date.now(), randomBytes(3).toString("hex"));
  const memory = join(context.directory, ".stack", "backup", "memory", source.name);
  mkdirSync(memory, { recursive: true });
  const journal = openJournal(context.directory, "backup", context.clock);
  return { context, journal, source, type, id, staging: makeStaging(context.directory, id), memory, earlier: [] };
}

/** What a producer has left, as a snapshot; its folder may be entered by the owner alone, as in the local store. */
export function snapshotIn(job: ProduceJob<DataSource>, produced: Produced) {
  const { source, id, context, type, staging } = job;
  chmodSync(staging, 0o700);
  const manifest: SnapshotManifest = {
    format: 1,
    id,
    run: id,
    stack: context.model.name,
    source: { name: source.name, kind: source.kind, component: source.component, service: source.service },
    type,
    startedAt: new Date(produced.pointInTime).toISOString(),
    finishedAt: new Date().toISOString(),
    pointInTime: new Date(produced.pointInTime).toISOString(),
    tool: "test",
    ...(produced.image !== undefined && { image: produced.image }),
    encryption: "none",
    parts: produced.parts.map(({ name, bytes, sha256 }) => ({
      name,
      content: { bytes, sha256 },
      stored: { name, bytes, sha256 },
    })),
    // As it comes out of the file that it is written to.
    facts: JSON.parse(JSON.stringify(produced.facts)),
    checks: [],
    warnings: produced.warnings,
  };
  return { manifest, folder: staging };
}

export function partsJob<Source extends DataSource>(
  job: ProduceJob<Source>,
  snapshot: { manifest: SnapshotManifest; folder: string },
): PartsJob<Source> {
  return { context: job.context, source: job.source, chain: [snapshot] };
}

/** What a restore is given. Volumes that it makes have the stack's label; `removeOneOffs` removes them. */
export function loadJob<Source extends DataSource>(
  job: ProduceJob<Source>,
  snapshot: { manifest: SnapshotManifest; folder: string },
  depth: LoadJob<Source>["depth"] = "deep",
): LoadJob<Source> {
  const { context, source } = job;
  const id = randomBytes(3).toString("hex");
  return {
    ...partsJob(job, snapshot),
    id,
    depth,
    shared: job.staging,
    fetchShared: async () => {},
    listShared: async () => [],
    async newVolume(use) {
      const name = `${context.model.name}_${source.volume}_test-${id}${use === "" ? "" : `-${use}`}`;
      await context.engine.createVolume(name, { [stackLabel]: context.model.name, [purposeLabel]: "test" });
      return name;
    },
  };
}

/** The running server of a source. */
export async function liveServer({ engine, model }: Context, { service }: DataSource): Promise<StandingServer> {
  const { containers } = await engine.observe(model.name);
  const id = containers.find((container) => container.service === service)?.id ?? "";
  return { id, exec: (command, options) => engine.exec(id, command, options) };
}

/** A server of its own on a volume, as the stack would start it, for as long as `body` takes. */
export function serverOn<Result>(
  context: Context,
  source: DataSource,
  volume: string,
  body: (server: StandingServer) => Promise<Result>,
  more: Partial<RunSpec> = {},
): Promise<Result> {
  const service = context.model.services.find(({ name }) => name === source.service);
  if (service === undefined) throw new Error(`no service ${source.service}`);
  const { image } = service;
  const spec = throwAwaySpec(context, service, { volumes: { [source.volume]: volume }, image, purpose: "test" });
  return withStanding(context, { what: `${service.name} of the test`, service, spec: { ...spec, ...more } }, body);
}

/** One bit in the middle of a file is another one for as long as `body` takes. */
export async function withFlippedBit(path: string, body: () => Promise<void>): Promise<void> {
  const whole = readFileSync(path);
  const flipped = Buffer.from(whole);
  const middle = Math.floor(whole.length / 2);
  flipped.writeUInt8(flipped.readUInt8(middle) ^ 1, middle);
  // Where the file belongs to a container's user, the folder lets anybody put another in its place.
  writeFileSync(path, flipped);
  try {
    await body();
  } finally {
    writeFileSync(path, whole);
  }
}

/** Names of everything that operations have made beside Compose and that is still there. */
export async function oneOffs({ engine, model }: Pick<Context, "engine" | "model">): Promise<string[]> {
  const containers = await engine.labelled(stackLabel, model.name);
  const volumes = await engine.labelledVolumes(stackLabel, model.name);
  return [...containers, ...volumes].map(({ name }) => name);
}

/** Takes away what a failed test may have left. */
export async function removeOneOffs({ engine, model }: Pick<Context, "engine" | "model">): Promise<void> {
  for (const { id } of await engine.labelled(stackLabel, model.name)) await engine.remove(id, { unnamedVolumes: true });
  for (const { name } of await engine.labelledVolumes(stackLabel, model.name)) await engine.removeVolume(name);
}
