import type { SourceKind } from "./kinds.ts";
import type { ObjectStoreSource } from "./object-access.ts";
import { checkObjects } from "./object-check.ts";
import { copyObjects } from "./object-copy.ts";
import { loadObjects } from "./object-load.ts";

/**
 * A server that speaks S3. Each snapshot is the list of everything that it held; the bytes are kept once, by their hash,
 * however many snapshots name them. So every snapshot is whole, and costs what is new.
 */
export const objectStoreKind: SourceKind<ObjectStoreSource> = {
  plan: (lane) => (lane === "dump" ? [] : ["full"]),
  produce: copyObjects,
  check: checkObjects,
  load: loadObjects,
};
