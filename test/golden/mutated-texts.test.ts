import fc from "fast-check";
import { expect, test } from "vitest";
import { StackError } from "../../src/support/errors.ts";
import { inspectStack } from "../support/inspected-stack.ts";
import { baseText, mutate, mutations } from "../support/mutate-text.ts";
import { brokenRules } from "../support/name-rules.ts";

/** The same cases in every run; a failure prints it with the path to its smallest case. */
const seed = 20_260_301;

/** Words that only our own mistakes bring to a user. */
const foreignWords =
  /undefined|Invalid input|\[object Object\]|Expected .* received|TypeError|ZodError|\bnull\b.*is not/;

function complaintProblem(text: string, error: StackError): string | undefined {
  if (error.problems.length === 0 && error.position === undefined) return "no place";
  const lines = text.split("\n");
  for (const { message, hint = "", position } of error.problems) {
    if (position === undefined) return `no place: ${message}`;
    const line = lines[position.line - 1];
    if (line === undefined || position.column < 1 || position.column > line.length + 1)
      return `outside the text (${position.line}:${position.column}): ${message}`;
    const said = `${message} ${hint}`;
    // What the user wrote may be repeated.
    const words = foreignWords.exec(said)?.[0];
    if (words !== undefined && !text.includes(words)) return `words of the program: ${said}`;
    if (message.trim() === "" || message.length > 700) return `no message, or a flood: ${message}`;
  }
  return undefined;
}

test("2,500 texts with faults give a stack, or a complaint with a place inside the text", () => {
  let accepted = 0;
  fc.assert(
    fc.property(baseText, mutations, (base, changes) => {
      const text = mutate(base, changes);
      try {
        const broken = brokenRules(inspectStack(text));
        accepted += 1;
        expect(broken).toEqual([]);
      } catch (error) {
        if (!(error instanceof StackError)) throw error;
        expect(complaintProblem(text, error)).toBeUndefined();
      }
    }),
    { seed, numRuns: 2_500 },
  );
  // Neither all nor none: the faults are ones that people make.
  expect(accepted).toBeGreaterThan(100);
  expect(accepted).toBeLessThan(2_000);
}, 600_000);
