import { type PruneResult, runPrune, type StorePrune } from "../../operations/backup/prune.ts";
import type { Removed } from "../../operations/backup/prune-apply.ts";
import { openStores } from "../../operations/backup/stores.ts";
import { type RemovedKept, removeKept } from "../../operations/restore/kept.ts";
import { type ExitCause, StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { openStoreContext } from "../store-context.ts";

/** Removes what the retention rules let go. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = openStoreContext(call);
  const on = call.values("on");
  const source = call.value("source");
  // A destination that does not exist is refused; the others are looked at in any case.
  openStores(context, on);
  const result = await runPrune(context, openStores(context), {
    dryRun: call.has("dry-run"),
    force: call.has("force"),
    on,
    ...(source !== undefined && { source }),
  });
  const aside =
    on.length === 0 && source === undefined ? await putAside(call, result.dryRun) : { removed: [], staying: [] };
  if (output.json) output.printJson({ ...result, putAside: aside });
  else
    output.print(
      [
        ...result.stores.flatMap((store) => linesOf(store, call, result.dryRun)),
        ...aside.removed,
        ...aside.staying,
      ].join("\n"),
    );
  return exitOfPrune(result);
}

/** Volumes and databases that restores replaced. Stores are pruned also where no engine answers. */
async function putAside(call: Call, dryRun: boolean): Promise<RemovedKept> {
  try {
    return await removeKept(await openContext(call), { dryRun });
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return { removed: [], staying: [`what restores have put aside was not looked at: ${error.message}`] };
  }
}

function exitOfPrune({ stores }: PruneResult): ExitCause {
  const failed = stores.filter(({ error }) => error !== undefined).length;
  if (failed === 0) return "done";
  return failed === stores.length ? "backupFailed" : "partial";
}

function linesOf(result: StorePrune, { output }: Call, dryRun: boolean): string[] {
  const { store, plan, removed, refused, skipped, held, error, removedSources = [] } = result;
  const { paint } = output;
  const title = paint("bold", store);
  if (error !== undefined) {
    const hint = error.hint === undefined ? [] : [`  ${paint("dim", `-> ${error.hint}`)}`];
    return [`${title}  ${paint("red", error.message)}`, ...hint];
  }
  if (skipped !== undefined) return [`${title}  ${skipped}`];
  const unruled = removedSources.map(
    ({ source, sets, bytes }) =>
      `  ${paint("yellow", `${sets} ${sets === 1 ? "set" : "sets"} of ${source} (${formatSize(bytes)}) stay: stack.yaml has no such source. To remove them: ./prod.sh backup prune --source ${source}`)}`,
  );
  if (dryRun) return [title, ...(plan.length === 0 ? ["nothing to do"] : plan).map((line) => `  ${line}`), ...unruled];
  if (refused !== undefined) return [`${title}  nothing is removed: ${refused}`];
  return [
    `${title}  ${removed === undefined ? "nothing to remove" : removedText(removed)}`,
    ...held.map(({ source, reason }) => `  ${paint("yellow", `nothing of ${source} is removed: ${reason}`)}`),
    ...(removed !== undefined && removed.refused > 0
      ? ["  skipped by policy: this store does not let this host remove everything"]
      : []),
    ...unruled,
  ];
}

function removedText({ sets, leftovers, log, objects, bytes }: Removed): string {
  const counts: [number, string, string][] = [
    [sets, "set", "sets"],
    [leftovers, "leftover", "leftovers"],
    [log, "file of the log", "files of the log"],
    [objects, "object", "objects"],
  ];
  const told = counts.flatMap(([count, one, many]) => (count === 0 ? [] : [`${count} ${count === 1 ? one : many}`]));
  return told.length === 0 ? "nothing to remove" : `removed ${told.join(", ")} (${formatSize(bytes)})`;
}
