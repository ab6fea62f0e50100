import { messageOf, StackError, systemCode } from "../support/errors.ts";

const connectionCodes = new Set([
  "ENOENT",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "EACCES",
  "EPERM",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

/** HTTP status of the engine's answer, where it did answer. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error && "statusCode" in error && typeof error.statusCode === "number"
    ? error.statusCode
    : undefined;
}

/** Turns the client's errors into ours. An aborted call rejects with the signal's reason. */
export async function asked<Answer>(call: Promise<Answer>, signal?: AbortSignal): Promise<Answer> {
  try {
    return await call;
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw engineError(error);
  }
}

/** As `asked`, with undefined for something that is gone (404) or in a state that makes the call needless. */
export async function unlessGone<Answer>(call: Promise<Answer>, alsoFine?: number): Promise<Answer | undefined> {
  try {
    return await call;
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || (status !== undefined && status === alsoFine)) return undefined;
    throw engineError(error);
  }
}

/** The error for a call that did not work: no answer is one thing, a refusal another. */
export function engineError(error: unknown): Error {
  if (error instanceof StackError) return error;
  const code = systemCode(error);
  const lost = code !== undefined && connectionCodes.has(code);
  if (lost && statusOf(error) === undefined) {
    return new StackError({
      code: "engine-unreachable",
      exit: "engineUnreachable",
      message: `The Docker engine stopped answering: ${messageOf(error)}`,
      hint: "look at it with `systemctl status docker`, then run the command again",
      cause: error,
    });
  }
  if (statusOf(error) === undefined) return error instanceof Error ? error : new Error(String(error));
  return new StackError({
    code: "engine-refused",
    exit: "unhealthy",
    message: `The Docker engine refused: ${engineMessage(error)}`,
    hint: "./prod.sh status",
    cause: error,
  });
}

/** The engine's own sentence, without the client's `(HTTP code 409) unexpected - ` before it. */
export function engineMessage(error: unknown): string {
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) .*? - /, "")
    .trim();
}
