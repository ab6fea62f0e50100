/** What the server's own log tells of a recovery. Source: messages of xlogrecovery.c and xlog.c, the same in 16 to 18. */
export interface ReplayStory {
  /** Segments that were read from the archive. */
  segments: string[];
  /** Position of the last record that was applied. */
  redoneTo?: string;
  /** Milliseconds since 1970: the last commit that is in it. */
  lastCommit?: number;
  /** The commit at which it stopped, because it came after the moment that was asked for. */
  stoppedBefore?: number;
  /** The timeline that begins here. */
  timeline?: number;
  /** The server takes connections: it is done. */
  ready: boolean;
  /** The log ended, and no commit after the moment was in it. */
  endedEarly: boolean;
  /** A file that the archive has and that cannot be read. */
  damaged?: string;
}

export const newStory = (): ReplayStory => ({ segments: [], ready: false, endedEarly: false });

/** What the restore command ends with where a file is there and is damaged. More than 125 stops the recovery. */
export const damagedExit = 200;

/** Adds what a line tells. */
export function readReplayLine(story: ReplayStory, line: string): void {
  const segment = /restored log file "([0-9A-F]{24})" from archive/.exec(line)?.[1];
  if (segment !== undefined) story.segments.push(segment);
  const redone = /redo done at ([0-9A-F]+\/[0-9A-F]+)/.exec(line)?.[1];
  if (redone !== undefined) story.redoneTo = redone;
  const last = timeIn(/last completed transaction was at log time (.+)$/.exec(line)?.[1]);
  if (last !== undefined) story.lastCommit = last;
  const stop = timeIn(/recovery stopping before (?:commit|abort) of transaction \d+, time (.+)$/.exec(line)?.[1]);
  if (stop !== undefined) story.stoppedBefore = stop;
  const timeline = /selected new timeline ID: (\d+)/.exec(line)?.[1];
  if (timeline !== undefined) story.timeline = Number(timeline);
  const damaged = /could not restore file "([^"]+)" from archive: child process exited with exit code (\d+)/.exec(line);
  if (damaged?.[1] !== undefined && Number(damaged[2]) === damagedExit) story.damaged = damaged[1];
  if (line.includes("database system is ready to accept connections")) story.ready = true;
  if (line.includes("recovery ended before configured recovery target was reached")) story.endedEarly = true;
}

/** `2026-11-21 04:05:06.789123+00` in milliseconds. */
function timeIn(text: string | undefined): number | undefined {
  const [, day, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00/.exec(text ?? "") ?? [];
  return day === undefined ? undefined : Date.parse(`${day}T${time}Z`);
}
