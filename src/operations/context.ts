import type { Compose } from "../engine/compose.ts";
import type { Engine } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import type { Clock } from "../support/clock.ts";
import type { Progress } from "./progress.ts";

/** Everything an operation may touch. Tests make their own; the edge makes it in cli/context.ts. */
export interface Context {
  /** Absolute path of the stack's directory. */
  directory: string;
  model: StackModel;
  engine: Engine;
  compose: Compose;
  clock: Clock;
  progress: Progress;
  /** Aborted by Ctrl-C and SIGTERM. */
  signal: AbortSignal;
}
