import { isAbsolute, join } from "node:path";
import { metricsText } from "../../notify/metrics-text.ts";
import { sendPing } from "../../notify/ping.ts";
import { sendWebhook } from "../../notify/webhook.ts";
import { messageOf } from "../../support/errors.ts";
import { writeFileAtomic } from "../../support/files.ts";
import { secretIn } from "../notify/receivers.ts";
import { redactorFor } from "../secret-values.ts";
import { runBackupStatus } from "./backup-status.ts";
import { backupMetrics } from "./metrics.ts";
import { countRun, type ReportMemory, readReportMemory, writeReportMemory } from "./report-memory.ts";
import { outcomeOf, type RunResult } from "./result.ts";
import type { StoreContext } from "./store-views.ts";
import { openStores } from "./stores.ts";

/** Milliseconds between two looks at every store for the metrics, where only the log was shipped. */
const metricsPause = 5 * 60_000;

/**
 * Tells of a run: requests the ping address after a success, posts to the webhook, writes the metrics. Returns what did
 * not work, in a line each; that changes nothing of the run's outcome and never throws, but for an interruption.
 */
export async function reportRun(context: StoreContext, result: RunResult): Promise<string[]> {
  const { directory, model, clock, signal } = context;
  const { ping, webhook, textfile } = model.backup.report;
  const memory = readReportMemory(directory);
  const { changed } = countRun(memory, result);
  const outcome = outcomeOf(result);
  const failures: string[] = [];
  const hook = async (name: string, isWanted: boolean, act: () => Promise<void>) => {
    if (isWanted) failures.push(...(await tried(context, memory, name, act)));
  };
  await hook("ping", ping !== undefined && outcome === "ok" && result.lane !== "log", () =>
    sendPing(secretIn(directory, ping ?? ""), signal),
  );
  await hook("webhook", webhook !== undefined && changed, () =>
    sendWebhook(secretIn(directory, webhook ?? ""), { format: 1, stack: model.name, outcome, ...result }, context),
  );
  const isDue = result.lane !== "log" || clock.now() - (memory.writtenAt ?? 0) >= metricsPause;
  await hook("textfile", textfile !== undefined && isDue, () => writeMetrics(context, memory, textfile ?? ""));
  failures.push(...(await tried(context, memory, "report", async () => writeReportMemory(directory, memory))));
  return failures;
}

async function tried(
  { directory, model, signal }: StoreContext,
  { hookFailures }: ReportMemory,
  name: string,
  act: () => Promise<void>,
): Promise<string[]> {
  try {
    await act();
    return [];
  } catch (error) {
    signal.throwIfAborted();
    hookFailures[name] = (hookFailures[name] ?? 0) + 1;
    return [`${name}: ${redactorFor(directory, model)(messageOf(error))}`];
  }
}

/** One file of this stack's own, replaced at once: the node exporter reads it at any moment. */
async function writeMetrics(context: StoreContext, memory: ReportMemory, folder: string): Promise<void> {
  const { directory, model, clock } = context;
  const report = await runBackupStatus(context, openStores(context));
  memory.writtenAt = clock.now();
  const path = join(isAbsolute(folder) ? folder : join(directory, folder), `create-stack-${model.name}.prom`);
  writeFileAtomic(path, metricsText(backupMetrics(report, memory)), 0o644);
}
