import type { Route } from "../stack/model.ts";
import type { Clock } from "../support/clock.ts";
import { messageOf, StackError } from "../support/errors.ts";
import { type Difference, differences, type WantedRoutes } from "./difference.ts";
import { type RouteTargets, routeConfigs, routeFiles, routesFolder } from "./route-file.ts";
import { configsIn, pathOf, type RouteFolder, readRoutes, writeRoutes } from "./route-folder.ts";
import type { TraefikApi } from "./traefik-api.ts";

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

const usualDeadline = 15_000;
const deadlineOfUndo = 5_000;
const pause = 50;

/**
 * Writes the route files and resolves when Traefik says that it serves by them, with the milliseconds that this took.
 * Where Traefik refuses them, is too slow or the caller gives up, the files of before are put back.
 */
export async function applyRoutes(
  request: ApplyRequest,
  context: ApplyContext,
): Promise<{ changed: string[]; milliseconds: number }> {
  const { directory, routes, targets, deadline = usualDeadline } = request;
  const before = readRoutes(directory);
  const files = new Map<string, string | undefined>([...before.keys()].map((path) => [path, undefined]));
  for (const file of routeFiles(routes, targets)) files.set(file.path, file.content);
  const configs = new Map([...configsIn(before).keys()].map((service) => [service, undefined]));
  const wanted: WantedRoutes = { configs: new Map([...configs, ...routeConfigs(routes, targets)]) };

  const started = context.clock.now();
  const changed = writeRoutes(directory, files);
  try {
    const missing = await waitUntilLive(wanted, deadline, context);
    if (missing.length === 0) return { changed, milliseconds: context.clock.now() - started };
    throw await notLive(missing, await undo(directory, before, wanted, context), context.api);
  } catch (error) {
    writeRoutes(directory, withRemovals(before, wanted));
    throw error;
  }
}

/** Puts the files of before back and sees whether Traefik serves by them again. */
async function undo(
  directory: string,
  before: RouteFolder,
  wanted: WantedRoutes,
  context: ApplyContext,
): Promise<boolean> {
  writeRoutes(directory, withRemovals(before, wanted));
  const gone = [...wanted.configs.keys()].map((service) => [service, undefined] as const);
  const missing = await waitUntilLive({ configs: new Map([...gone, ...configsIn(before)]) }, deadlineOfUndo, context);
  return missing.length === 0;
}

function withRemovals(before: RouteFolder, wanted: WantedRoutes): RouteFolder {
  const all = [...wanted.configs.keys()].map((service) => [pathOf(service), undefined] as const);
  return new Map([...all, ...before]);
}

/** What is still missing when it is live (nothing), refused, or the deadline is over. */
async function waitUntilLive(wanted: WantedRoutes, deadline: number, context: ApplyContext): Promise<Difference[]> {
  const { api, clock, signal } = context;
  const end = clock.now() + deadline;
  for (;;) {
    signal?.throwIfAborted();
    const missing = await api.live().then(
      (live) => differences(wanted, live),
      (error): Difference[] => [{ text: messageOf(error), final: false }],
    );
    if (missing.length === 0 || clock.now() >= end) return missing;
    if (missing.every((difference) => difference.final)) return missing;
    await clock.sleep(pause, signal);
  }
}

async function notLive(missing: readonly Difference[], undone: boolean, api: TraefikApi): Promise<StackError> {
  const refused = missing.every((difference) => difference.final);
  const complaints = await api.complaints().catch(() => []);
  const after = undone
    ? "it serves by the ones before again"
    : `the files of before are back in ${routesFolder}/, but it does not confirm these either`;
  return new StackError({
    code: "routes-not-live",
    exit: "unhealthy",
    message: `Traefik ${refused ? "refuses the new routes" : "did not take over the new routes in time"}; ${after}`,
    hint: "./prod.sh logs traefik",
    details: [...missing.map(({ text }) => text), ...complaints.map((line) => `Traefik says: ${line}`)],
  });
}
