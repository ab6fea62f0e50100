import { createHash } from "node:crypto";
import { join } from "node:path";
import { composeIn } from "../engine/compose.ts";
import { connectEngine } from "../engine/connect.ts";
import type { Context } from "../operations/context.ts";
import type { Progress } from "../operations/progress.ts";
import { systemClock } from "../support/clock.ts";
import { readIfExists } from "../support/files.ts";
import type { Call } from "./command.ts";
import { readModel, stackOf } from "./find-stack.ts";
import { paintFor } from "./output.ts";
import { openProgress } from "./terminal.ts";

/** Where an edit that is not generated yet could mislead. A start tells of it itself, among all that it looks at. */
const notesEdits = ["status", "migrate", "restart"];

/** What an operation on the stack needs: where it is, what it should be, and the engine that runs it. */
export async function openContext(call: Call): Promise<Context> {
  return contextIn(stackOf(call), call);
}

/** The same for a directory that is known. */
export async function contextIn(directory: string, call: Call): Promise<Context> {
  const model = readModel(directory);
  if (notesEdits.includes(call.command.name)) noteEdit(directory, model.source, call);
  const { engine, endpoint } = await connectEngine();
  return {
    directory,
    model,
    engine,
    // Compose must work on the engine that was found, also where it was found by looking.
    compose: composeIn(directory, endpoint.host.startsWith("unix:") ? { DOCKER_HOST: endpoint.host } : {}),
    clock: systemClock,
    progress: progressOf(call),
    signal: call.signal,
  };
}

/** Where an operation tells how far it is: stderr, so that results can be piped. */
export function progressOf(call: Call): Progress {
  const paint = paintFor(process.stderr, process.env, call.has("no-color"));
  return openProgress({ screen: process.stderr, paint, now: Date.now });
}

/** An edit of stack.yaml that was not generated yet would be missed without a word. */
function noteEdit(directory: string, source: string, { output }: Call): void {
  const stackYaml = readIfExists(join(directory, "stack.yaml"));
  if (stackYaml === undefined || createHash("sha256").update(stackYaml).digest("hex") === source) return;
  output.note(`note: stack.yaml was edited; the edit takes effect with: ${output.caller} generate`);
}
