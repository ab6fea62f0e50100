import { StackError } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";

/** Somebody named a data source that the stack does not have. */
export function unknownSource(name: string, known: readonly string[]): StackError {
  return new StackError({
    code: "unknown-source",
    exit: "invalidInput",
    message: `The stack has no data source "${name}"`,
    hint: didYouMean(name, known),
  });
}
