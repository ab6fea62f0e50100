import { type ListedSnapshot, type ListResult, runList, type SnapshotCopy } from "../../operations/backup/list.ts";
import { openStores } from "../../operations/backup/stores.ts";
import { timeOfId } from "../../snapshots/manifest.ts";
import type { ExitCause } from "../../support/errors.ts";
import { formatAge, formatSize } from "../../support/units.ts";
import { type Cell, columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { openStoreContext } from "../store-context.ts";

/** The snapshots of all stores, newest last; below them what is no snapshot, and why. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = openStoreContext(call);
  const [source] = call.words;
  const stores = openStores(context, call.values("on"));
  const result = await runList(context, stores, source === undefined ? {} : { source });
  if (output.json) output.printJson(result);
  else output.print(screenOf(result, call, context.clock.now()).join("\n"));
  if (result.failed.length === 0) return "done";
  return result.failed.length === stores.length ? "backupFailed" : "partial";
}

function screenOf(
  { snapshots, incomplete, failed }: ListResult,
  { output, words: [source] }: Call,
  now: number,
): string[] {
  const { paint, columns: width, caller } = output;
  const heading: Cell[] = ["ID", "SOURCE", "TYPE", "AGE", "SIZE", "WHERE", "CHECKED"].map((text) => ({
    text,
    style: "dim",
  }));
  const table =
    snapshots.length === 0
      ? [`There is no backup${source === undefined ? "" : ` of ${source}`} yet. Make one: ${caller} backup run`]
      : columns([heading, ...snapshots.map((snapshot) => rowOf(snapshot, now))], paint, width);
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ["", paint("bold", title), ...lines];
  const problems = snapshots.flatMap(({ id, stores }) =>
    stores.flatMap((copy) =>
      copy.problems.map((problem) => [{ text: id, style: "red" as const }, copy.store, problem]),
    ),
  );
  return [
    ...table,
    ...section("Cannot be restored", columns(problems, paint, width)),
    ...section(
      "Incomplete",
      columns(
        incomplete.map(({ id, source, store, bytes, reason }) => [id, source, store, formatSize(bytes), reason]),
        paint,
        width,
      ),
    ),
    ...section(
      "No answer",
      failed.flatMap(({ store, error }) => [
        `${store}: ${error.message}`,
        ...(error.hint ? [`  ${paint("dim", `-> ${error.hint}`)}`] : []),
      ]),
    ),
  ];
}

function rowOf({ id, source, type, bytes, stores }: ListedSnapshot, now: number): Cell[] {
  const where = stores.map(({ store, restorable }) => (restorable ? store : `${store} (!)`)).join(", ");
  const good = stores.some(({ restorable }) => restorable);
  return [
    id,
    source,
    type,
    formatAge(now - timeOfId(id)),
    formatSize(bytes),
    good ? where : { text: where, style: "red" },
    checkedCell(stores, now),
  ];
}

/** The deepest look at any of its copies. */
function checkedCell(stores: readonly SnapshotCopy[], now: number): Cell {
  const depth = ["hash", "structure", "drill"];
  const deepest = stores
    .flatMap(({ checked }) => checked ?? [])
    .sort((a, b) => depth.indexOf(b.level) - depth.indexOf(a.level))[0];
  if (deepest === undefined) return { text: "no", style: "yellow" };
  return `${deepest.level}, ${formatAge(now - Date.parse(deepest.at))} ago`;
}
