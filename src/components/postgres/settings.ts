import type { SmallestMemory } from "../smallest-memory.ts";
import type { PostgresOptions } from "./options.ts";

const kilobyte = 1024;
const megabyte = 1024 ** 2;
const gigabyte = 1024 ** 3;

/** Below this the server starts, but the first larger query kills it. */
export const smallest: SmallestMemory = { name: "Postgres", bytes: 128 * megabyte };

/** What is derived from the limits; sizes in bytes. */
export interface DerivedSettings {
  maxConnections: number;
  sharedBuffers: number;
  effectiveCacheSize: number;
  workMem: number;
  maintenanceWorkMem: number;
  parallelWorkers: number;
  parallelWorkersPerQuery: number;
  /** Size of /dev/shm, which parallel queries need. */
  shm: number;
}

/**
 * Divides the memory limit: a quarter for the buffers, a quarter for all connections sorting at once, the rest for
 * maintenance, the processes themselves and the page cache. Connections beyond 200 want a pooler, not a larger number.
 */
export function deriveSettings(options: Pick<PostgresOptions, "limits" | "settings">): DerivedSettings {
  const { memory, cpus } = options.limits;
  const maxConnections =
    asNumber(options.settings.max_connections) ?? clamp(Math.floor(memory / (10 * megabyte)), 20, 200);
  const workers = Math.max(1, Math.floor(cpus));
  return {
    maxConnections,
    sharedBuffers: roundDown(memory * 0.25, megabyte),
    effectiveCacheSize: roundDown(memory * 0.65, megabyte),
    workMem: Math.max(megabyte, roundDown((memory * 0.25) / maxConnections, kilobyte)),
    maintenanceWorkMem: clamp(roundDown(memory * 0.05, megabyte), 16 * megabyte, gigabyte),
    parallelWorkers: workers,
    parallelWorkersPerQuery: Math.min(4, Math.floor(workers / 2)),
    shm: Math.max(256 * megabyte, roundDown(memory * 0.25, megabyte)),
  };
}

/** The derived settings as postgresql.conf.hbs names them. */
export function settingsForTemplate(derived: DerivedSettings): Record<string, string | number> {
  return {
    maxConnections: derived.maxConnections,
    sharedBuffers: postgresSize(derived.sharedBuffers),
    effectiveCacheSize: postgresSize(derived.effectiveCacheSize),
    workMem: postgresSize(derived.workMem),
    maintenanceWorkMem: postgresSize(derived.maintenanceWorkMem),
    parallelWorkers: derived.parallelWorkers,
    parallelWorkersPerQuery: derived.parallelWorkersPerQuery,
  };
}

/** The user's own settings as lines of postgresql.conf. */
export function ownSettingLines(settings: PostgresOptions["settings"]): { name: string; value: string }[] {
  return Object.entries(settings).map(([name, value]) => ({ name, value: settingValue(value) }));
}

function settingValue(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return typeof value === "number" ? String(value) : `'${value.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function postgresSize(bytes: number): string {
  return bytes % megabyte === 0 ? `${bytes / megabyte}MB` : `${Math.floor(bytes / kilobyte)}kB`;
}

function asNumber(value: string | number | boolean | undefined): number | undefined {
  const number = typeof value === "boolean" ? Number.NaN : Number(value);
  return Number.isInteger(number) && number > 0 ? number : undefined;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function roundDown(value: number, unit: number): number {
  return Math.floor(value / unit) * unit;
}
