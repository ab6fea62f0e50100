import { StackError, systemCode } from "../support/errors.ts";

/** Errors that every store may answer with. Their codes are what callers and scripts tell them apart by. */
export type StoreErrorCode =
  /** There is no such object. */
  | "store-absent"
  /** What is stored is not what was sent, or not what was asked for. */
  | "store-damaged"
  /** No space, or a quota. */
  | "store-full"
  /** These credentials may not do it. */
  | "store-refused"
  /** Unknown or wrong credentials. */
  | "store-credentials"
  | "store-bucket"
  | "store-region"
  | "store-clock"
  /** No answer, or a connection that breaks again and again. */
  | "store-unreachable"
  /** The server's certificate is not trusted. */
  | "store-certificate"
  /** An upload in parts that the server no longer knows. */
  | "store-upload-gone"
  | "store-failed";

/** A StackError of a store; says which store and what it was doing. */
export function storeError(code: StoreErrorCode, message: string, hint?: string): StackError {
  return new StackError({ code, exit: "backupFailed", message, ...(hint === undefined ? {} : { hint }) });
}

export function isStoreError(error: unknown, code: StoreErrorCode): boolean {
  return error instanceof StackError && error.code === code;
}

const awayCodes: readonly string[] = [
  "store-unreachable",
  "store-credentials",
  "store-bucket",
  "store-region",
  "store-clock",
  "store-certificate",
] satisfies StoreErrorCode[];

/** True where the store as a whole does not answer, or not to us: nothing is known then of what lies in it. */
export function isStoreAway(error: unknown): boolean {
  return error instanceof StackError && awayCodes.includes(error.code);
}

/** What the operating system said about a file of the store, in plain words. */
export function fileError(error: unknown, store: string, doing: string): unknown {
  if (error instanceof StackError) return error;
  const code = systemCode(error);
  const where = `destination ${store}: cannot ${doing}`;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return storeError(
      "store-full",
      `${where}: the disk is full`,
      "free space, or look at what can go: ./prod.sh backup prune --dry-run",
    );
  }
  if (code === "ENOENT")
    return storeError("store-absent", `${where}: it is not there`, "see what is there: ./prod.sh backup list");
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return storeError(
      "store-refused",
      `${where}: ${code}`,
      "the folder must be writable for the user who runs backups",
    );
  }
  if (code !== undefined) return storeError("store-failed", `${where}: ${code}`);
  return error;
}
