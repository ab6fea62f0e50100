import type { Clock } from "../support/clock.ts";
import { formatAge, formatShare, formatSize } from "../support/units.ts";

/** Milliseconds. What was moved in this time says how fast it goes: long enough for a slow line, short enough to notice a change. */
const window = 15_000;
/** Milliseconds. Before, the first bytes (which often only fill a buffer) would be taken for the speed. */
const atLeast = 1_000;
/** Milliseconds. */
const sampleEvery = 200;

interface Sample {
  at: number;
  bytes: number;
}

/** What a job that moves bytes says of itself; short, since it has to fit beside a name into 40 columns. */
export interface Pace {
  /** Told whenever more has been moved: `200/381 MB 40 MB/s 4s left`; rate and time as soon as they are known. */
  moved(bytes: number): string;
}

/** Watches a job of so many bytes in all. Without a total, or with one that is a guess, what was moved is told alone. */
export function startPace(clock: Clock, total: number | undefined, guess = false): Pace {
  let seen: Sample[] = [];
  return {
    moved(bytes) {
      const now = { at: clock.now(), bytes };
      const last = seen.at(-1);
      // Thousands of small objects need not each be remembered.
      if (last === undefined || now.at - last.at >= sampleEvery)
        seen = [...seen.filter(({ at }) => now.at - at <= window), now];
      const amount = total === undefined || guess ? formatSize(bytes) : formatShare(Math.min(bytes, total), total);
      const rate = rateOf(seen);
      return rate === undefined
        ? amount
        : `${amount} ${formatSize(rounded(rate))}/s${timeLeft(bytes, total, rate, guess)}`;
    },
  };
}

function timeLeft(bytes: number, total: number | undefined, rate: number, guess: boolean): string {
  if (total === undefined || bytes > total) return "";
  return ` ${guess ? "~" : ""}${formatAge(((total - bytes) / rate) * 1_000)} left`;
}

/** Bytes in a second; undefined where nothing has moved long enough. */
function rateOf(seen: readonly Sample[]): number | undefined {
  const [first, last] = [seen[0], seen.at(-1)];
  if (first === undefined || last === undefined || last.at - first.at < atLeast || last.bytes <= first.bytes) return;
  return ((last.bytes - first.bytes) / (last.at - first.at)) * 1_000;
}

/** To two digits: the third only changes from line to line. */
function rounded(rate: number): number {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log2(rate) / 10));
  return rate / unit < 10 ? Math.round(rate) : Math.round(rate / unit) * unit;
}
