import { Cron } from "croner";

/**
 * A time that a change of the clocks skips is due when the clocks have moved on, one that comes twice is due the first
 * time; both run once. Lines with `*` or steps in hours and minutes follow the real time that passes.
 */
export function cronAt(line: string, timezone: string): Cron {
  return new Cron(line, { timezone, paused: true });
}

/** The newest time of a line after `known` that has come; undefined where none has. Milliseconds since 1970. */
export function newestTime(line: string, timezone: string, known: number, now: number): number | undefined {
  const cron = cronAt(line, timezone);
  const next = cron.nextRun(new Date(known));
  if (next === null || next.getTime() > now) return undefined;
  // The library looks for times before a moment, to the second.
  const [passed] = cron.previousRuns(1, new Date(now + 1_000));
  return passed === undefined || passed.getTime() <= known ? undefined : passed.getTime();
}

/** The next time of a line; undefined where there is none in its calendar. */
export function nextTime(line: string, timezone: string, now: number): number | undefined {
  return cronAt(line, timezone).nextRun(new Date(now))?.getTime();
}
