import { toldDiskFull } from "../../support/disk.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import type { Redact } from "../../support/redact.ts";
import type { Failure } from "./result.ts";

/** What was thrown as data: for a result that goes on with the other sources, and for hooks. No secret is in it. */
export function failureOf(thrown: unknown, redact: Redact): Failure {
  // What backups write lies below the stack's directory, which is where its commands are typed.
  const error = toldDiskFull(thrown, ".");
  if (!(error instanceof StackError)) return { code: "bug", message: redact(messageOf(error)) };
  return {
    code: error.code,
    message: redact(error.message),
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.details.length > 0 && { details: error.details.map(redact) }),
  };
}
