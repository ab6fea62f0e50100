import { type RedisOptions, titleOf } from "./options.ts";

const megabyte = 1024 ** 2;

export interface DerivedSettings {
  /** Bytes of data; the rest of the limit is for clients' buffers and for pages copied while saving. */
  maxmemory: number;
  eviction: string;
  durable: boolean;
  /** With sentinels: seconds of silence after which a replica counts no more, so that the primary may take writes. */
  replicaLag?: number;
  /** Bytes of the newest writes that are kept for replicas. */
  backlog: number;
}

export function deriveSettings(
  options: Pick<RedisOptions, "limits" | "profile" | "eviction" | "mode" | "failoverAfter">,
): DerivedSettings {
  const durable = options.profile === "durable";
  return {
    maxmemory: Math.floor((options.limits.memory * 0.65) / megabyte) * megabyte,
    eviction: options.eviction ?? (durable ? "noeviction" : "allkeys-lru"),
    durable,
    backlog: Math.max(1, Math.floor(options.limits.memory / 32 / megabyte)) * megabyte,
    // A primary that is cut off must stop taking writes before another one begins to; replicas are heard of once a second.
    ...(options.mode === "sentinel" && { replicaLag: Math.max(2, Math.floor(options.failoverAfter / 1_000) - 2) }),
  };
}

/** Values for redis.conf.hbs. */
export function settingsForTemplate(
  derived: DerivedSettings,
  options: Pick<RedisOptions, "settings" | "engine">,
  aclFile: string,
): Record<string, unknown> {
  return {
    title: titleOf(options),
    aclFile,
    maxmemory: `${derived.maxmemory / megabyte}mb`,
    eviction: derived.eviction,
    durable: derived.durable,
    replicated: derived.replicaLag !== undefined,
    replicaLag: derived.replicaLag ?? 0,
    backlog: `${derived.backlog / megabyte}mb`,
    settings: Object.entries(options.settings).map(([name, value]) => ({ name, value: settingValue(value) })),
  };
}

function settingValue(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return typeof value === "number" || /^[\w.:-]+( [\w.:-]+)*$/.test(value) ? String(value) : JSON.stringify(value);
}
