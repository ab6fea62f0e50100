import type { LogRequest, ObservedContainer } from "../engine/engine.ts";
import type { Context } from "./context.ts";
import type { LogEntry } from "./logs.ts";
import { type Reorderer, reorderer } from "./logs-merge.ts";

type FollowContext = Pick<Context, "engine" | "model" | "signal">;

export interface FollowRequest {
  /** Containers that are there. */
  chosen: readonly ObservedContainer[];
  /** Whether one that starts later is wanted too. */
  wants(container: ObservedContainer): boolean;
  /** What was printed before this has been handed over already; milliseconds since 1970. */
  moment: number;
  entriesOf(container: ObservedContainer, request: LogRequest): AsyncIterable<LogEntry>;
}

/** Follows every chosen container, and each that starts while we look, until aborted. */
export async function followContainers(
  { engine, model, signal }: FollowContext,
  request: FollowRequest,
  onEntry: (entry: LogEntry) => void | Promise<void>,
): Promise<void> {
  const ending = new AbortController();
  let failure: { error: unknown } | undefined;
  const fail = (error: unknown) => {
    failure ??= { error };
    ending.abort();
  };
  const until = AbortSignal.any([signal, ending.signal]);
  const ordered = reorderer(onEntry, fail);
  const followed = new Set<string>();
  const read = reader(request, ordered, until);

  const follow = async (container: ObservedContainer): Promise<void> => {
    if (followed.has(container.id) || until.aborted) return;
    followed.add(container.id);
    await read(container).catch(fail);
    followed.delete(container.id);
    // It may have been started again before we had read to its end.
    const now = await engine.inspect(container.id).catch(() => undefined);
    if (now?.state === "running" && now.startedAt !== container.startedAt) await follow(now);
  };
  const onEvent = async ({ action, id }: { action: string; id: string }) => {
    const container = action === "start" ? await engine.inspect(id).catch(() => undefined) : undefined;
    if (container !== undefined && request.wants(container)) await follow(container);
  };
  const listening = engine.events(model.name, (event) => void onEvent(event), until);
  for (const container of request.chosen) void follow(container);
  await listening;
  await ordered.end().catch(fail);
  if (failure !== undefined) throw failure.error;
}

/** Reads a container to its end; one that is started again goes on where it ended and does not repeat itself. */
function reader({ entriesOf, moment }: FollowRequest, ordered: Reorderer<LogEntry>, until: AbortSignal) {
  const lastTimes = new Map<string, string>();
  return async (container: ObservedContainer): Promise<void> => {
    const last = lastTimes.get(container.id) ?? "";
    const since = last === "" ? moment : Date.parse(last);
    for await (const entry of entriesOf(container, { since, follow: true })) {
      if (until.aborted) return;
      if (entry.time <= last) continue;
      lastTimes.set(container.id, entry.time);
      await ordered.push(entry);
    }
  };
}
