import { join } from "node:path";
import { readIfExists, writeFileAtomic } from "../../support/files.ts";
import { type LaneMemory, type ScheduledLane, scheduledLanes } from "./lanes.ts";

/** What `schedule run` remembers from one call to the next. */
export interface ScheduleMemory {
  lanes: Partial<Record<ScheduledLane, LaneMemory>>;
  /** When a full copy out of turn was last tried, by source. Milliseconds since 1970. */
  bases: Record<string, number>;
  /** Milliseconds since 1970 of the last call: how it is seen that nothing calls it any more. */
  lastTick?: number;
}

/** Reads it. What is missing or makes no sense is empty: the worst that follows is one full backup too many. */
export function readScheduleMemory(directory: string): ScheduleMemory {
  try {
    const found = JSON.parse(readIfExists(pathIn(directory)) ?? "{}") as Partial<ScheduleMemory>;
    const lanes: ScheduleMemory["lanes"] = {};
    for (const lane of scheduledLanes) {
      const memory = found.lanes?.[lane];
      if (memory !== undefined && makesSense(memory)) lanes[lane] = memory;
    }
    const bases = Object.entries(found.bases ?? {}).filter(([, at]) => typeof at === "number");
    return {
      lanes,
      bases: Object.fromEntries(bases),
      ...(typeof found.lastTick === "number" && { lastTick: found.lastTick }),
    };
  } catch {
    return { lanes: {}, bases: {} };
  }
}

export function writeScheduleMemory(directory: string, memory: ScheduleMemory): void {
  writeFileAtomic(pathIn(directory), `${JSON.stringify({ format: 1, ...memory }, null, 1)}\n`, 0o600);
}

function makesSense({ due, triedAt, attempts, done, failed }: Partial<LaneMemory>): boolean {
  const numbers = [due, triedAt, attempts].every((value) => typeof value === "number" && Number.isFinite(value));
  return (
    numbers && typeof done === "boolean" && Array.isArray(failed) && failed.every((one) => typeof one === "string")
  );
}

function pathIn(directory: string): string {
  return join(directory, ".stack", "backup", "schedule.json");
}
