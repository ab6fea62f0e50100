import type { RedisOptions } from "./options.ts";

const megabyte = 1024 ** 2;

/** Below this nothing useful fits beside the server itself. */
export const smallestMemory = 16 * megabyte;

export interface DerivedSettings {
  /** Bytes of data; the rest of the limit is for clients' buffers and for pages copied while saving. */
  maxmemory: number;
  eviction: string;
  durable: boolean;
}

export function deriveSettings(options: Pick<RedisOptions, "limits" | "profile" | "eviction">): DerivedSettings {
  const durable = options.profile === "durable";
  return {
    maxmemory: Math.floor((options.limits.memory * 0.65) / megabyte) * megabyte,
    eviction: options.eviction ?? (durable ? "noeviction" : "allkeys-lru"),
    durable,
  };
}

/** Values for redis.conf.hbs. */
export function settingsForTemplate(
  derived: DerivedSettings,
  settings: RedisOptions["settings"],
  aclFile: string,
): Record<string, unknown> {
  return {
    aclFile,
    maxmemory: `${derived.maxmemory / megabyte}mb`,
    eviction: derived.eviction,
    durable: derived.durable,
    settings: Object.entries(settings).map(([name, value]) => ({ name, value: settingValue(value) })),
  };
}

function settingValue(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" || /^[\w.:-]+( [\w.:-]+)*$/.test(value) ? String(value) : JSON.stringify(value);
}
