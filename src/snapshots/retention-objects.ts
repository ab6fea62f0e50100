import { graceForLeftovers } from "./retention.ts";
import type { StoredObject } from "./store.ts";

/** The key of a shared object as its snapshots know it: without the ending that encryption gives it in this store. */
export function plainKey(key: string): string {
  return key.replace(/\.(age|gpg)$/, "");
}

/**
 * True where a shared object may go: no snapshot that stays refers to it, and it is not so new that a run may be about
 * to refer to it. Both times are milliseconds since 1970.
 */
export function isUnreferenced(object: StoredObject, referenced: ReadonlySet<string>, now: number): boolean {
  return !referenced.has(plainKey(object.key)) && now - object.modifiedAt > graceForLeftovers;
}
