import { failureText } from "../../operations/backup/run-lines.ts";
import { runVerify, type VerifyResult } from "../../operations/backup/verify.ts";
import type { Verified } from "../../operations/backup/verify-one.ts";
import type { VerifiedShared } from "../../operations/backup/verify-shared.ts";
import type { ExitCause } from "../../support/errors.ts";
import { formatDuration } from "../../support/units.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { openContext } from "../context.ts";
import { durationOption } from "../option-values.ts";
import type { Output } from "../output.ts";

const looked = { hash: "read", structure: "checked", drill: "restored on trial" };

/** Looks at stored snapshots. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const on = call.value("on");
  const key = call.value("key");
  const wait = durationOption(call, "wait");
  const { ok, snapshots, shared, unopened, unread } = await runVerify(await openContext(call), {
    ids: call.words,
    all: call.has("all"),
    deep: call.has("deep"),
    ...(on !== undefined && { on }),
    ...(key !== undefined && { key }),
    ...(wait !== undefined && { wait }),
  });
  if (output.json) output.printJson({ ok, snapshots, shared, unopened, unread });
  else
    output.print([...linesOf(snapshots, output), ...shared.flatMap(sharedLines), ...unread.map(unreadLine)].join("\n"));
  if (ok) return "done";
  const whole = unread.length === 0 && snapshots.every((each) => each.ok) && shared.every((each) => isWhole(each));
  return whole ? "secret" : "backupFailed";
}

function isWhole({ damaged }: VerifiedShared): boolean {
  return damaged.length === 0;
}

function linesOf(results: readonly Verified[], { paint, columns: width }: Output): string[] {
  if (results.length === 0) return [];
  const rows = results.map(({ store, source, id, type, ok, level, took, details, error, unopened }) => [
    store,
    source,
    id,
    type,
    ok ? { text: looked[level], style: "green" as const } : { text: "DAMAGED", style: "red" as const },
    formatDuration(took),
    error?.message ??
      [details.at(-1) ?? "", ...(unopened === undefined ? [] : [`not looked into: ${unopened}`])].join("; "),
  ]);
  const bad = results.filter(({ ok }) => !ok).length;
  const next = results.find(({ error }) => error?.hint !== undefined)?.error?.hint;
  return [
    ...columns(rows, paint, width),
    bad === 0
      ? `${results.length === 1 ? "1 snapshot is" : `all ${results.length} snapshots are`} sound`
      : `${bad} of ${results.length} snapshots are not sound`,
    ...(results.some(({ unopened }) => unopened !== undefined)
      ? [`${paint("cyan", "hint:")} what is encrypted is looked into with its private key: --key FILE`]
      : []),
    ...(next === undefined ? [] : [`${paint("cyan", "hint:")} ${next}`]),
  ];
}

/** The log and the objects that snapshots share. */
function sharedLines({ store, objects, damaged, unknown }: VerifiedShared): string[] {
  const read = objects - unknown;
  return [
    ...damaged.map((key) => `${store}: ${key} is DAMAGED`),
    ...(damaged.length === 0 ? [`${store}: ${read} objects of the log and of object stores are sound`] : []),
    ...(unknown > 0 ? [`${store}: ${unknown} objects have no hash to compare with`] : []),
  ];
}

function unreadLine({ store, error }: VerifyResult["unread"][number]): string {
  return `${store}: COULD NOT BE READ: ${failureText(error)}`;
}
