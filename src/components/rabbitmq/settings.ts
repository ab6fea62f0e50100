import type { SmallestMemory } from "../smallest-memory.ts";
import type { RabbitmqOptions } from "./options.ts";

const megabyte = 1024 ** 2;

/** Below this the empty server alone, of about 130 MB, comes near the mark at which publishers wait. */
export const smallest: SmallestMemory = { name: "RabbitMQ", bytes: 384 * megabyte };

/** Bytes, each. */
export interface DerivedSettings {
  /** From here on publishers wait; the rest of the limit is for what is in flight and for command-line tools. */
  memoryWatermark: number;
  /** Free disk below which publishers wait. */
  diskFree: number;
  /** Size of a write-ahead log of quorum queues; the server holds up to three of them in memory. */
  walSize: number;
}

export function deriveSettings({ limits, diskFree }: Pick<RabbitmqOptions, "limits" | "diskFree">): DerivedSettings {
  return {
    memoryWatermark: Math.floor((limits.memory * 0.6) / megabyte) * megabyte,
    diskFree: diskFree ?? Math.max(2 * limits.memory, 1024 * megabyte),
    walSize: Math.min(256, Math.max(16, Math.floor(limits.memory / megabyte / 16))) * megabyte,
  };
}

/** The user's own settings as lines of rabbitmq.conf. */
export function settingLines(settings: RabbitmqOptions["settings"]): { name: string; value: string }[] {
  return Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
}
