import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Engine, ObservedContainer } from "../../engine/engine.ts";
import type { StackModel } from "../../stack/model.ts";
import { engineName } from "../engine-name.ts";

/** Bytes on the disk, by component, and when that was measured. */
export interface LogStoreSizes {
  at: number;
  bytes: Record<string, number>;
}

/** Milliseconds between two measurements: each file is looked at. */
const pause = 15 * 60_000;
/** Milliseconds that a container has to measure itself. */
const measureTimeout = 10_000;

/** Sizes of the volumes of components that keep logs, measured now and then; those before where it is too early. */
export async function logStoreSizes(
  { engine, model, now }: { engine: Engine; model: Pick<StackModel, "name" | "services" | "volumes">; now: number },
  containers: readonly ObservedContainer[],
  before: LogStoreSizes | undefined,
): Promise<LogStoreSizes> {
  if (before !== undefined && before.at <= now && now - before.at < pause) return before;
  const components = new Set(
    model.services.filter(({ group }) => group === "logging").map(({ component }) => component),
  );
  const bytes: Record<string, number> = {};
  for (const component of components) {
    const sizes = await Promise.all(
      model.volumes
        .filter((volume) => volume.component === component)
        .map(({ name }) => volumeSize(engine, model, name, containers)),
    );
    const known = sizes.filter((size) => size !== undefined);
    if (known.length > 0) bytes[component] = known.reduce((sum, size) => sum + size, 0);
  }
  return { at: now, bytes };
}

/** Read where the engine keeps it, which root may; else measured by a container that has it. */
async function volumeSize(
  engine: Engine,
  model: Pick<StackModel, "name" | "services">,
  volume: string,
  containers: readonly ObservedContainer[],
): Promise<number | undefined> {
  const found = await engine.volume(engineName(model, volume));
  if (found === undefined) return undefined;
  try {
    return await sizeOf(found.mountpoint);
  } catch {
    // An image without a shell has no `du` either; the other metrics do not depend on it.
    return sizeInside(engine, model, volume, containers).catch(() => undefined);
  }
}

/** Bytes on the disk of all files below a folder. What is removed meanwhile is not counted. */
async function sizeOf(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += await sizeOf(path).catch(ignoreGone);
    else bytes += await lstat(path).then(({ blocks }) => blocks * 512, ignoreGone);
  }
  return bytes;
}

function ignoreGone(error: NodeJS.ErrnoException): number {
  if (error.code === "ENOENT") return 0;
  throw error;
}

async function sizeInside(
  engine: Engine,
  { services }: Pick<StackModel, "services">,
  volume: string,
  containers: readonly ObservedContainer[],
): Promise<number | undefined> {
  for (const { name, mounts } of services) {
    const mount = mounts.find((one) => one.kind === "volume" && one.volume === volume);
    const container = containers.find(
      ({ service, state, oneOff }) => service === name && state === "running" && !oneOff,
    );
    if (mount === undefined || container === undefined) continue;
    const { exitCode, stdout } = await engine.exec(container.id, ["du", "-sk", mount.target], {
      timeout: measureTimeout,
    });
    const kilobytes = Number.parseInt(stdout, 10);
    if (exitCode === 0 && Number.isFinite(kilobytes)) return kilobytes * 1_024;
  }
  return undefined;
}
