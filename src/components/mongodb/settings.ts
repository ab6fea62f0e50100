import type { SmallestMemory } from "../smallest-memory.ts";
import type { MongodbOptions } from "./options.ts";

const megabyte = 1024 ** 2;
const gigabyte = 1024 ** 3;

/** Below this the server and its smallest cache do not fit, and a shell beside it even less. */
export const smallest: SmallestMemory = { name: "MongoDB", bytes: 512 * megabyte };

/**
 * Bytes of WiredTiger's cache, as MongoDB itself decides for a machine of that size: half of what is above one gigabyte,
 * and 256 MB at least. Said aloud, because the server may take the memory of the host for its own.
 * https://www.mongodb.com/docs/manual/administration/production-notes/
 */
export function cacheSize(memory: number): number {
  return Math.max(256 * megabyte, Math.floor(((memory - gigabyte) * 0.5) / megabyte) * megabyte);
}

/** Connections that the server takes: each may come to hold a megabyte and more. */
export function mostConnections(memory: number): number {
  return Math.min(5_000, Math.max(100, Math.floor(memory / (4 * megabyte))));
}

/** Values for mongod.conf.hbs. */
export function settingsForTemplate({ limits, oplog, settings }: MongodbOptions): Record<string, unknown> {
  return {
    cache: (cacheSize(limits.memory) / gigabyte).toFixed(2),
    connections: mostConnections(limits.memory),
    oplog: Math.floor(oplog / megabyte),
    parameters: Object.entries(settings).map(([name, value]) => ({ name, value: JSON.stringify(value) })),
  };
}
