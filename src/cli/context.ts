import { createHash } from "node:crypto";
import { join } from "node:path";
import { composeIn } from "../engine/compose.ts";
import { connectEngine } from "../engine/connect.ts";
import type { Context } from "../operations/context.ts";
import { systemClock } from "../support/clock.ts";
import { readIfExists } from "../support/files.ts";
import type { Call } from "./command.ts";
import { readModel, stackOf } from "./find-stack.ts";
import { paintFor } from "./output.ts";
import { openProgress } from "./terminal.ts";

/** What an operation on the stack needs: where it is, what it should be, and the engine that runs it. */
export async function openContext(call: Call): Promise<Context> {
  const directory = stackOf(call);
  const model = readModel(directory);
  const stackYaml = readIfExists(join(directory, "stack.yaml"));
  if (stackYaml !== undefined && createHash("sha256").update(stackYaml).digest("hex") !== model.source)
    call.output.note(`note: stack.yaml was edited; the edit takes effect with: ${call.output.caller} generate`);
  const { engine } = await connectEngine();
  const paint = paintFor(process.stderr, process.env, call.has("no-color"));
  return {
    directory,
    model,
    engine,
    compose: composeIn(directory),
    clock: systemClock,
    progress: openProgress({ screen: process.stderr, paint, now: Date.now }),
    signal: call.signal,
  };
}
