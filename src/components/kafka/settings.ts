import type { SmallestMemory } from "../smallest-memory.ts";
import type { KafkaOptions } from "./options.ts";

const megabyte = 1024 ** 2;

/** Below this a command beside the server would have it killed. */
export const smallest: SmallestMemory = { name: "Kafka", bytes: 640 * megabyte };

/** Bytes that a topic may take where stack.yaml says nothing, and each partition of one that an app makes by itself. */
const usualTopicSize = 1024 * megabyte;
const usualPartitionSize = 256 * megabyte;

/** The server takes no smaller files; larger ones go too late. */
const segment = { smallest: megabyte, largest: 256 * megabyte };

/**
 * Bytes of the Java heap: what is left of the limit is for the virtual machine itself (about 250 MB), for one command
 * beside it (about 130 MB), and for files that the system keeps in memory.
 */
export function heapOf(memory: number): number {
  return Math.floor((memory / 2 - 64 * megabyte) / megabyte) * megabyte;
}

/** Limits of one partition. Records go by whole files, and never the newest one: both together are at most `bytes`. */
export function partitionLimits(bytes: number): { segmentBytes: number; retentionBytes: number } {
  const segmentBytes = Math.min(segment.largest, Math.max(segment.smallest, Math.floor(bytes / 4)));
  return { segmentBytes, retentionBytes: Math.max(segment.smallest, Math.floor(bytes) - segmentBytes) };
}

/** A partition's share of its topic below which files of the smallest size would take more than that. */
export const smallestShare = 4 * segment.smallest;

/** A topic of stack.yaml with what the server is told. */
export interface PlannedTopic {
  name: string;
  partitions: number;
  /** Milliseconds and bytes per partition; undefined for a compacted topic, which keeps what is newest. */
  retentionMs?: number;
  retentionBytes?: number;
  segmentBytes: number;
  compact: boolean;
  /** Bytes of all partitions together. */
  size: number;
}

export function plannedTopics(options: Pick<KafkaOptions, "topics" | "retention">): PlannedTopic[] {
  return Object.entries(options.topics).map(([name, { partitions, retention, size = usualTopicSize, compact }]) => {
    const { segmentBytes, retentionBytes } = partitionLimits(size / partitions);
    return {
      name,
      partitions,
      ...(!compact && { retentionMs: retention ?? options.retention, retentionBytes }),
      segmentBytes,
      compact,
      size,
    };
  });
}

/** Values for server.properties.hbs. */
export function settingsForTemplate(
  key: string,
  options: Pick<KafkaOptions, "limits" | "retention" | "settings">,
  adminUser: string,
): Record<string, unknown> {
  const { segmentBytes, retentionBytes } = partitionLimits(usualPartitionSize);
  return {
    key,
    adminUser,
    retentionMs: options.retention,
    retentionBytes,
    segmentBytes,
    cleanerBytes: Math.max(8 * megabyte, Math.floor(heapOf(options.limits.memory) / 16)),
    settings: Object.entries(options.settings).map(([name, value]) => ({ name, value: settingValue(value) })),
  };
}

/** In a properties file a backslash begins an escape. */
function settingValue(value: string | number | boolean): string {
  return String(value).replaceAll("\\", "\\\\");
}
