import { plainKey } from "./object-key.ts";
import { graceForLeftovers } from "./retention.ts";
import type { StoredObject } from "./store.ts";

/**
 * True where a shared object may go: no snapshot that stays refers to it, and it is not so new that a run may be about
 * to refer to it. Both times are milliseconds since 1970.
 */
export function isUnreferenced(object: StoredObject, referenced: ReadonlySet<string>, now: number): boolean {
  return !referenced.has(plainKey(object.key)) && now - object.modifiedAt > graceForLeftovers;
}
