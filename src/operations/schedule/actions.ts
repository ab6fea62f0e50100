import { within } from "../../support/deadline.ts";
import { formatSize } from "../../support/units.ts";
import type { Lane } from "../backup/kinds.ts";
import { shipLogs } from "../backup/log.ts";
import { type PruneResult, runPrune } from "../backup/prune.ts";
import { reportRun } from "../backup/report.ts";
import { runBackup } from "../backup/run.ts";
import { failureText } from "../backup/run-lines.ts";
import { openStores } from "../backup/stores.ts";
import { runVerify, type VerifyResult } from "../backup/verify.ts";
import type { Context } from "../context.ts";
import { tendJobs } from "../jobs/tend.ts";
import { writeServiceMetrics } from "../metrics/write.ts";
import { tellOf } from "../notify/tell.ts";
import { recover } from "../recover.ts";
import { removeKept } from "../restore/kept.ts";
import type { ChoreResult, TickActions } from "./tick.ts";

/** Milliseconds that an engine has to say how its containers are. */
const measureTimeout = 20_000;

/** What the schedule does with the operations of this program. `version` is that of create-stack, for manifests. */
export function tickActions(context: Context, version: string): TickActions {
  return {
    measure: async () => {
      if (context.model.monitoring === undefined) return;
      await within(measureTimeout, "the engine", writeServiceMetrics(context, { scheduled: true }), context.signal);
    },
    recover: async () => {
      await recover(context);
      return { ok: true, lines: [] };
    },
    jobs: () => tendJobs(context),
    log: async () => {
      const result = await shipLogs(context);
      return result && { ...result, notes: [...result.notes, ...(await reportRun(context, result))] };
    },
    tell: () => tellOf(context, { heartbeat: true }),
    copy: (lane: Lane, only) => runBackup(context, { lane, only, version }),
    // The copies here are those that a night's restore begins with, and no private key is needed for them.
    drill: async () => ofDrill(await runVerify(context, { deep: true, on: "local" })),
    prune: async () => {
      const pruned = ofPrune(await runPrune(context, openStores(context)));
      const { removed } = await removeKept(context);
      return { ...pruned, lines: [...pruned.lines, ...removed] };
    },
  };
}

/** A trial restore in lines, one for each snapshot. */
export function ofDrill({ ok, snapshots, unread }: VerifyResult): ChoreResult {
  const lines = snapshots.map((found) => {
    const what = `${found.source} ${found.id} (${found.type})`;
    if (found.error !== undefined) return `${what}: FAILED: ${failureText(found.error)}`;
    return `${what}: ${found.level === "drill" ? "restored on trial" : "read"}: ${found.details.at(-1) ?? ""}`;
  });
  return { ok, lines: [...lines, ...unread.map(({ store, error }) => `${store}: FAILED: ${failureText(error)}`)] };
}

/** A prune in lines; nothing where nothing was removed and nothing is held. */
export function ofPrune({ stores }: PruneResult): ChoreResult {
  const lines = stores.flatMap(({ store, refused, held, removed, error }) => [
    ...(error === undefined ? [] : [`${store}: FAILED: ${failureText(error)}`]),
    ...(refused === undefined ? [] : [`${store}: nothing removed: ${refused}`]),
    ...held.map(({ source, reason }) => `${store}: ${source} stays: ${reason}`),
    ...(removed === undefined || removed.sets === 0
      ? []
      : [`${store}: ${removed.sets} removed, ${formatSize(removed.bytes)}`]),
  ]);
  return { ok: stores.every(({ error }) => error === undefined), lines };
}
