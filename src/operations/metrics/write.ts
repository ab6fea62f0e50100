import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { metricsText } from "../../notify/metrics-text.ts";
import { metricsFolder } from "../../stack/monitoring.ts";
import { writeFileAtomic } from "../../support/files.ts";
import type { Context } from "../context.ts";
import { jobViews } from "../jobs/views.ts";
import { tryLock } from "../lock.ts";
import { lastMigration, readHistory } from "../migration-history.ts";
import { readWatchMemory } from "../watch/memory.ts";
import { countedOn } from "./counts.ts";
import { logStoreSizes } from "./log-stores.ts";
import { type MetricsMemory, readMetricsMemory, writeMetricsMemory } from "./memory.ts";
import { type Sight, serviceMetrics } from "./service-metrics.ts";

type MetricsContext = Pick<Context, "directory" | "model" | "engine" | "clock">;

export interface MetricsOptions {
  /** The schedule calls. */
  scheduled?: boolean;
}

/**
 * Looks at the stack, counts what has happened since the last look and writes the metrics, replaced at once and readable
 * by everybody: the node exporter reads them at any moment. Where another process is at it, it does nothing.
 */
export async function writeServiceMetrics(context: MetricsContext, options: MetricsOptions = {}): Promise<void> {
  const { directory, clock } = context;
  const lock = tryLock(directory, "metrics", clock.now(), "metrics.lock");
  if (!("release" in lock)) return;
  try {
    const { sight, memory } = await look(context, options);
    const folder = join(directory, metricsFolder);
    mkdirSync(folder, { recursive: true });
    if (process.platform !== "win32") chmodSync(folder, 0o755);
    writeFileAtomic(metricsPath(context), metricsText(serviceMetrics(sight)), 0o644);
    // Only now: where it could not be written, the same is counted again next time.
    writeMetricsMemory(directory, memory);
  } finally {
    lock.release();
  }
}

/** The file that the node exporter reads. */
export function metricsPath({ directory, model }: Pick<MetricsContext, "directory" | "model">): string {
  return join(directory, metricsFolder, `create-stack-${model.name}-services.prom`);
}

async function look(
  { directory, model, engine, clock }: MetricsContext,
  options: MetricsOptions,
): Promise<{ sight: Sight; memory: MetricsMemory }> {
  const before = readMetricsMemory(directory);
  // A clock that was set back must not keep events from being counted until it is where it was.
  const eventsUntil = Math.min(before.counts.eventsUntil, clock.now());
  const [{ containers }, past] = await Promise.all([
    engine.observe(model.name),
    engine.pastEvents(model.name, eventsUntil),
  ]);
  const running = containers.filter(({ state, oneOff }) => state === "running" && !oneOff);
  const at = clock.now();
  const [use, logStores] = await Promise.all([
    engine.resourceUse(running.map(({ id }) => id)),
    logStoreSizes({ engine, model, now: at }, containers, before.logStores),
  ]);
  const counts = countedOn({ ...before.counts, eventsUntil }, containers, past);
  const scheduledAt = options.scheduled === true ? at : before.scheduledAt;
  const scheduled = scheduledAt === undefined ? {} : { scheduledAt };
  return {
    memory: { counts, logStores, writtenAt: at, ...scheduled },
    sight: {
      at,
      model,
      containers,
      use,
      counts,
      migrations: endedMigrations({ directory, model }),
      jobs: await jobViews({ directory, model, clock }),
      watchRestarts: readWatchMemory(directory).restarts,
      logStores: logStores.bytes,
      ...scheduled,
    },
  };
}

function endedMigrations({ directory, model }: Pick<MetricsContext, "directory" | "model">): Sight["migrations"] {
  const history = readHistory(directory);
  return model.migrations.flatMap(({ app }) => {
    const last = lastMigration(history, app);
    if (last?.finishedAt === undefined) return [];
    return [{ app, ok: last.outcome === "ok", at: Date.parse(last.finishedAt) }];
  });
}
