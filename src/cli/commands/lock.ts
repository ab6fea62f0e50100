import { resolveInRegistry } from "../../engine/image-digest.ts";
import { type LockedImage, runLock } from "../../operations/lock-images.ts";
import type { ExitCause } from "../../support/errors.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { progressOf } from "../context.ts";
import { stackOf } from "../find-stack.ts";
import { generateRequest } from "../generation.ts";
import type { Style } from "../output.ts";

const states: Record<LockedImage["state"], [Style, string]> = {
  new: ["green", "locked"],
  moved: ["yellow", "moved"],
  same: ["dim", "same"],
  unknown: ["red", "unknown"],
  dropped: ["dim", "dropped"],
};

/** Pins the images by digest. */
export async function run(call: Call): Promise<ExitCause> {
  const { output, carried, signal } = call;
  const dryRun = call.has("dry-run");
  const check = call.has("check");
  const result = await runLock(
    { ...generateRequest(carried, stackOf(call)), resolve: resolveInRegistry, progress: progressOf(call), signal },
    { dryRun, check },
  );
  if (output.json)
    output.printJson({
      dryRun: dryRun || check,
      ...result,
      changes: result.changes.map(({ path, action }) => ({ path, action })),
    });
  else {
    const rows = result.images.map(({ image, state, after, reason }) => {
      const [style, text] = states[state];
      return [{ text, style }, image, reason ?? after ?? ""];
    });
    for (const line of columns(rows, output.paint)) output.print(line);
    if (result.changes.length > 0) output.print(`Apply it with: ${output.caller} start`);
  }
  return result.exit ?? "done";
}
