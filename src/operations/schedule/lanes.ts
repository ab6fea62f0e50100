/** What runs by itself, in the order in which one call does it. */
export const scheduledLanes = ["full", "dump", "increment", "drill"] as const;
export type ScheduledLane = (typeof scheduledLanes)[number];

/** What is remembered of the newest due time of a lane. Milliseconds since 1970. */
export interface LaneMemory {
  /** The time that the cron line said. */
  due: number;
  /** When it was last tried; equal to `due` where nothing was to be done. */
  triedAt: number;
  attempts: number;
  done: boolean;
  /** Sources that failed: a further attempt is for them alone. Empty: for all. */
  failed: string[];
}
