import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import type { Route } from "../stack/model.ts";
import type { Clock } from "../support/clock.ts";
import { messageOf, StackError } from "../support/errors.ts";
import { readIfExists, syncFolder, writeFileAtomic } from "../support/files.ts";
import { differences } from "./difference.ts";
import { type RouteTargets, routeConfigs, routeFiles, routesFolder } from "./route-file.ts";
import type { LiveConfig, TraefikApi } from "./traefik-api.ts";

export interface ApplyRequest {
  /** The stack's directory. */
  directory: string;
  routes: readonly Route[];
  /** Releases by service; a service that is left out is reached by its name. */
  targets?: RouteTargets;
  /** Milliseconds until the change must be live. */
  deadline?: number;
}

export interface ApplyContext {
  api: TraefikApi;
  clock: Clock;
  signal?: AbortSignal;
}

/** Content of the route files by path, undefined where there is none: what undoes a change. */
export type RouteFolder = ReadonlyMap<string, string | undefined>;

const usualDeadline = 15_000;
const pause = 50;

/**
 * Writes the route files and resolves when Traefik says that it serves by them; with the milliseconds that this took.
 * Where it does not within the deadline, or is aborted, the files are as before and the error says what is missing.
 */
export async function applyRoutes(
  request: ApplyRequest,
  context: ApplyContext,
): Promise<{ changed: string[]; milliseconds: number }> {
  const wanted = new Map<string, string | undefined>(
    routeFiles(request.routes, request.targets).map((file) => [file.path, file.content]),
  );
  const before = readRoutes(request.directory);
  for (const path of before.keys()) if (!wanted.has(path)) wanted.set(path, undefined);
  const started = context.clock.now();
  const changed = writeRoutes(request.directory, wanted);
  try {
    const configs = [...routeConfigs(request.routes, request.targets).values()];
    await untilLive((live) => differences(configs, live), request.deadline ?? usualDeadline, context);
  } catch (error) {
    const missing = [...wanted.keys()].filter((path) => !before.has(path));
    writeRoutes(request.directory, new Map([...before, ...missing.map((path) => [path, undefined] as const)]));
    throw error;
  }
  return { changed, milliseconds: context.clock.now() - started };
}

/** The route files of services as they are on the disk. */
export function readRoutes(directory: string): RouteFolder {
  const folder = join(directory, routesFolder);
  const names = readdirSync(folder).filter((name) => name.endsWith(".yml") && !name.startsWith("_"));
  return new Map(names.map((name) => [`${routesFolder}/${name}`, readIfExists(join(folder, name))]));
}

/** Makes the files be so, each by one rename; returns the paths that were not. */
export function writeRoutes(directory: string, files: RouteFolder): string[] {
  const changed: string[] = [];
  for (const [path, content] of files) {
    const file = join(directory, routesFolder, basename(path));
    if (readIfExists(file) === content) continue;
    if (content === undefined) {
      rmSync(file, { force: true });
      syncFolder(join(directory, routesFolder));
    } else writeFileAtomic(file, content);
    changed.push(path);
  }
  return changed;
}

async function untilLive(
  missingFrom: (live: LiveConfig) => string[],
  deadline: number,
  { api, clock, signal }: ApplyContext,
): Promise<void> {
  const end = clock.now() + deadline;
  for (;;) {
    signal?.throwIfAborted();
    const missing = await api.live().then(missingFrom, (error) => [messageOf(error)]);
    if (missing.length === 0) return;
    if (clock.now() >= end) throw await notLive(missing, deadline, api);
    await clock.sleep(pause, signal);
  }
}

async function notLive(missing: readonly string[], deadline: number, api: TraefikApi): Promise<StackError> {
  const complaints = await api.complaints().catch(() => []);
  return new StackError({
    code: "routes-not-live",
    exit: "unhealthy",
    message: `Traefik did not take over the new routes within ${Math.round(deadline / 1_000)} s; it serves by the old ones, which are back in ${routesFolder}/`,
    hint: "./prod.sh logs traefik",
    details: [...missing, ...complaints.map((line) => `Traefik says: ${line}`)],
  });
}
