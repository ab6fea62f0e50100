import { join } from "node:path";
import type { AlertSeverity } from "../../stack/monitoring.ts";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import type { ReceiverName } from "./receivers.ts";
import type { Trouble } from "./trouble.ts";

/** When a receiver was told of a trouble last, and how bad it was then. Milliseconds since 1970. */
export interface Told {
  at: number;
  severity: AlertSeverity;
}

/** A trouble that was seen and is not yet over for everybody. */
export interface Remembered {
  trouble: Trouble;
  /** When it was seen first. */
  since: number;
  /** Since when it is not seen any more. */
  goneAt?: number;
  told: Partial<Record<ReceiverName, Told>>;
  /** When it was last tried to tell, by receiver. */
  tried: Partial<Record<ReceiverName, number>>;
}

/** A receiver that took nothing lately. */
export interface Broken {
  failures: number;
  triedAt: number;
}

/** What is remembered from one look to the next, so that the same trouble is told once. */
export interface NotifyMemory {
  /** By the trouble's key. */
  troubles: Record<string, Remembered>;
  receivers: Partial<Record<ReceiverName, Broken>>;
  /** When what takes long to look at was looked at last. */
  lookedAt?: number;
}

/** Reads it. What is missing or makes no sense is empty: the worst that follows is that something is told twice. */
export function readNotifyMemory(directory: string): NotifyMemory {
  try {
    const found = JSON.parse(readIfExists(pathIn(directory)) ?? "{}") as Partial<NotifyMemory>;
    return {
      troubles: Object.fromEntries(Object.entries(found.troubles ?? {}).filter(([, one]) => makesSense(one))),
      receivers: found.receivers ?? {},
      ...(typeof found.lookedAt === "number" && { lookedAt: found.lookedAt }),
    };
  } catch {
    return { troubles: {}, receivers: {} };
  }
}

export function writeNotifyMemory(directory: string, memory: NotifyMemory): void {
  writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...memory }, null, 1)}\n`, 0o600);
}

function makesSense({ trouble, since, told, tried }: Partial<Remembered>): boolean {
  const { key, title, lines, holds, clears } = (trouble ?? {}) as Partial<Trouble>;
  return (
    typeof key === "string" &&
    typeof title === "string" &&
    Array.isArray(lines) &&
    [since, holds, clears].every((value) => typeof value === "number") &&
    typeof told === "object" &&
    typeof tried === "object"
  );
}

function pathIn(directory: string): string {
  return join(directory, ".stack", "notify.json");
}
