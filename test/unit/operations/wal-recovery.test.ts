import { describe, expect, test } from "vitest";
import { baseFacts, readBaseFacts, walRange } from "../../../src/operations/backup/postgres-facts.ts";
import {
  type Archive,
  archiveFiles,
  type Base,
  planRecovery,
} from "../../../src/operations/backup/postgres-recovery.ts";
import { newStory, readReplayLine } from "../../../src/operations/backup/postgres-replay-log.ts";

const systemId = "7710468822763765784";
const hour = 3_600_000;
const noon = Date.parse("2026-11-21T12:00:00Z");
const server = {
  systemId,
  serverVersion: 180006,
  walSegmentSize: 16 * 1024 ** 2,
  checksums: true,
  databases: { app: 1 },
};

/** Segment of a timeline by its number in the log. */
const segment = (number: number, timeline = 1) =>
  `${String(timeline).padStart(8, "0")}00000000${number.toString(16).toUpperCase().padStart(8, "0")}`;

function listed(files: Record<string, number>) {
  return Object.entries(files).map(([file, modifiedAt]) => ({
    key: `wal/postgres/${systemId}/${file}${file.endsWith(".history") ? "" : ".zst"}`,
    bytes: 1,
    modifiedAt,
  }));
}

/** A base at noon that needs segment 3; a segment for each hour after that. */
const base: Base = {
  id: "20261121T120000Z-000001",
  source: "postgres",
  facts: {
    ...server,
    timeline: 1,
    startLsn: "0/3000028",
    endLsn: "0/3000120",
    startSegment: segment(3),
    endSegment: segment(3),
    stoppedAt: new Date(noon).toISOString(),
    files: 1_000,
  },
};

function archive(files: Record<string, number>, histories: Record<string, string> = {}): Archive {
  return { wal: archiveFiles(listed(files)), histories: new Map(Object.entries(histories)) };
}

const hourly = {
  [segment(2)]: noon - hour,
  [segment(3)]: noon + 0.5 * hour,
  [segment(4)]: noon + hour,
  [segment(5)]: noon + 2 * hour,
  [segment(6)]: noon + 3 * hour,
  [segment(7)]: noon + 4 * hour,
};

const names = (keys: readonly string[]) => keys.map((key) => key.split("/").at(-1)?.replace(".zst", ""));

describe("which files of the log a restore needs", () => {
  test("all from the base's first segment on, for the newest", () => {
    const { keys, further, window } = planRecovery(base, archive(hourly));
    expect(names(keys)).toEqual([3, 4, 5, 6, 7].map((number) => segment(number)));
    expect(further).toEqual([]);
    expect(window).toMatchObject({ timeline: 1, to: noon + 4 * hour, lastSegment: segment(7) });
  });

  test("for a moment those up to it and one more; the rest only if it turns out to be needed", () => {
    const { keys, further } = planRecovery(base, archive(hourly), noon + 0.8 * hour);
    expect(names(keys)).toEqual([segment(3), segment(4), segment(5)]);
    expect(names(further)).toEqual([segment(6), segment(7)]);
  });

  test("none at all where the archive has lost them: the base brings its own", () => {
    const { keys, window } = planRecovery(base, archive({}));
    expect(keys).toEqual([]);
    expect(window).toMatchObject({ from: noon, to: noon, lastSegment: segment(3) });
  });

  test("nothing of another cluster, nor of another server", () => {
    const other = listed(hourly).map((object) => ({ ...object, key: object.key.replace(systemId, "1") }));
    const second = listed(hourly).map((object) => ({ ...object, key: object.key.replace("/postgres/", "/second/") }));
    const { keys } = planRecovery(base, { wal: archiveFiles([...other, ...second]), histories: new Map() });
    expect(keys).toEqual([]);
  });
});

describe("what cannot be reached is refused with what can", () => {
  const refusal = (files: Record<string, number>, at?: number) => {
    try {
      planRecovery(base, archive(files), at);
    } catch (error) {
      const { code, message, hint } = error as { code: string; message: string; hint: string };
      return { code, message, hint };
    }
    return undefined;
  };
  const reach = "it reaches from 2026-11-21T12:00:00.000Z to 2026-11-21T16:00:00.000Z";

  test("a moment before the base ended", () => {
    expect(refusal(hourly, noon - 1)).toEqual({
      code: "moment-unreachable",
      message: `The snapshot ${base.id} cannot be brought to 2026-11-21T11:59:59.999Z: ${reach}`,
      hint: "./prod.sh backup list shows earlier snapshots",
    });
    expect(refusal(hourly, noon)).toBeUndefined();
  });

  test("a moment after the last segment", () => {
    expect(refusal(hourly, noon + 4 * hour + 1)).toMatchObject({
      message: expect.stringContaining(reach),
      hint: "--at 2026-11-21T16:00:00.000Z, or leave --at out for the newest that there is",
    });
    expect(refusal(hourly, noon + 4 * hour)).toBeUndefined();
  });

  test("the newest, and a moment behind a hole", () => {
    const { [segment(6)]: _, ...holed } = hourly;
    expect(refusal(holed)).toEqual({
      code: "wal-gap",
      message: `The log that follows the snapshot ${base.id} is missing from ${segment(6)} to ${segment(6)}: it reaches to 2026-11-21T14:00:00.000Z alone`,
      hint: "restore a snapshot that was made later (./prod.sh backup list), or what there is: --at 2026-11-21T14:00:00.000Z",
    });
    expect(refusal(holed, noon + 3 * hour)?.message).toContain(
      `to 2026-11-21T14:00:00.000Z; the log is missing from ${segment(6)} to ${segment(6)}`,
    );
  });
});

describe("after a restore two timelines lead through the same hours", () => {
  // At 16:00 somebody went back to 13:30, which lies in segment 5; from then on there is timeline 2.
  const files = {
    ...hourly,
    "00000002.history": noon + 4.1 * hour,
    [segment(5, 2)]: noon + 5 * hour,
    [segment(6, 2)]: noon + 6 * hour,
  };
  const histories = { "00000002.history": "1\t0/5800000\tbefore 2026-11-21 13:30:00+00\n" };
  const plan = (at?: number) => planRecovery(base, archive(files, histories), at);

  test.each([
    ["what was left behind, while it was alive", 3.5, 1],
    ["what took its place, from then on", 5.5, 2],
    ["what both have, from the first", 0.8, 1],
  ])("%s", (_, hours, timeline) => {
    expect(plan(noon + hours * hour).window.timeline).toBe(timeline);
  });

  test("the newest is that which was written to last", () => {
    const { keys, window } = plan();
    expect(window.timeline).toBe(2);
    expect(names(keys)).toEqual(
      ["00000002.history", segment(3), segment(4), segment(5), segment(5, 2), segment(6), segment(6, 2)].filter(
        (name) => name !== segment(6),
      ),
    );
    // The old server was started again, and goes on where it was.
    const again = { ...files, [segment(8)]: noon + 8 * hour };
    expect(planRecovery(base, archive(again, histories)).window.timeline).toBe(1);
  });
});

describe("what the server tells of a replay", () => {
  test("is read from its log", () => {
    const story = newStory();
    for (const line of [
      '2026-11-21 04:05:06.100 UTC [29] @ LOG:  restored log file "000000010000000000000004" from archive',
      "2026-11-21 04:05:06.200 UTC [29] @ LOG:  recovery stopping before commit of transaction 772, time 2026-11-21 04:01:00.5+00",
      "2026-11-21 04:05:06.200 UTC [29] @ LOG:  redo done at 0/4001F58 system usage: CPU: user: 0.00 s",
      "2026-11-21 04:05:06.200 UTC [29] @ LOG:  last completed transaction was at log time 2026-11-21 04:00:59.123456+00",
      "2026-11-21 04:05:06.300 UTC [29] @ LOG:  selected new timeline ID: 2",
      "2026-11-21 04:05:06.400 UTC [1] @ LOG:  database system is ready to accept connections",
    ])
      readReplayLine(story, line);
    expect(story).toEqual({
      segments: ["000000010000000000000004"],
      stoppedBefore: Date.parse("2026-11-21T04:01:00.5Z"),
      redoneTo: "0/4001F58",
      lastCommit: Date.parse("2026-11-21T04:00:59.123Z"),
      timeline: 2,
      ready: true,
      endedEarly: false,
    });
  });

  test("tells a damaged file from one that is not there", () => {
    const story = newStory();
    readReplayLine(
      story,
      'FATAL:  could not restore file "00000002.history" from archive: child process exited with exit code 1',
    );
    expect(story.damaged).toBeUndefined();
    readReplayLine(
      story,
      `FATAL:  could not restore file "${segment(4)}" from archive: child process exited with exit code 200`,
    );
    expect(story.damaged).toBe(segment(4));
  });
});

describe("what is remembered of a base", () => {
  const range = walRange('"WAL-Ranges": [\n{ "Timeline": 1, "Start-LSN": "0/3000028", "End-LSN": "0/5000000" }\n],');

  test("comes from the server's manifest; a segment that it ends at the first byte of is not needed", () => {
    expect(range && baseFacts(server, range, { stoppedAt: base.facts.stoppedAt, files: 7 })).toMatchObject({
      startSegment: segment(3),
      endSegment: segment(4),
      startLsn: "0/3000028",
      endLsn: "0/5000000",
    });
    expect(walRange("no ranges")).toBeUndefined();
  });

  test("is refused where it says nothing", () => {
    expect(() => readBaseFacts({ id: "x", facts: { systemId } })).toThrow("does not say which part of the log");
    expect(readBaseFacts({ id: "x", facts: { ...base.facts } })).toEqual(base.facts);
  });
});
