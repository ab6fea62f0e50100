import { formatSize, parseSize } from "../support/units.ts";
import type { OptionProblem, Question } from "./component.ts";

/** Below this much memory, in bytes, a server does not work. */
export interface SmallestMemory {
  /** What it is called in messages. */
  name: string;
  bytes: number;
}

const path = ["limits", "memory"];

/** Asks how much memory a server may have; `usual` is the answer of who just presses Enter. */
export function memoryQuestion(smallest: SmallestMemory, usual: string, of = smallest.name): Question {
  return {
    path,
    message: `Memory for ${of}`,
    kind: "input",
    default: usual,
    validate(answer) {
      const bytes = parseSize(answer);
      return bytes === undefined ? `expected a size such as ${usual}` : tooSmall(smallest, bytes);
    },
  };
}

/** The same complaint about what stands in stack.yaml. */
export function memoryProblems(smallest: SmallestMemory, { memory }: { memory: number }): OptionProblem[] {
  const message = tooSmall(smallest, memory);
  return message === undefined ? [] : [{ path, message }];
}

function tooSmall({ name, bytes: least }: SmallestMemory, bytes: number): string | undefined {
  return bytes < least ? `${name} needs at least ${formatSize(least)} of memory` : undefined;
}
