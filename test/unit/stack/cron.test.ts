import { Cron } from "croner";
import { describe, expect, test } from "vitest";
import { cronProblem } from "../../../src/stack/cron.ts";
import { complaintsOf } from "../../support/catalogue.ts";

const sound = [
  "* * * * *",
  "*/10 * * * *",
  "0 2 * * *",
  "0 2 * * 7",
  "0 5 * * SUN",
  "30 4 1,15 * mon-fri",
  "0 8-18/2 * JAN,jul *",
  "0 0 29 2 *",
  "0 0 31 2 1",
  "  5  4  *  *  *  ",
];

const wrong: [string, string][] = [
  ["0 2 * *", "expected five fields: minute, hour, day of the month, month, day of the week"],
  ["@daily", "expected five fields: minute, hour, day of the month, month, day of the week"],
  ["0 0 2 * * *", "expected five fields: minute, hour, day of the month, month, day of the week"],
  ["60 * * * *", '"60" is no minute: expected *, 0 to 59, a list (1,3), a range (1-5) or a step (*/2)'],
  ["0 24 * * *", '"24" is no hour: expected *, 0 to 23, a list (1,3), a range (1-5) or a step (*/2)'],
  ["0 0 0 * *", '"0" is no day of the month: expected *, 1 to 31, a list (1,3), a range (1-5) or a step (*/2)'],
  ["0 0 * 13 *", '"13" is no month: expected *, 1 to 12, JAN to DEC, a list (1,3), a range (1-5) or a step (*/2)'],
  [
    "0 0 * * 8",
    '"8" is no day of the week: expected *, 0 to 7, SUN to SAT, a list (1,3), a range (1-5) or a step (*/2)',
  ],
  ["*/0 * * * *", '"*/0" is no minute: expected *, 0 to 59, a list (1,3), a range (1-5) or a step (*/2)'],
  ["5/10 * * * *", '"5/10" is no minute: expected *, 0 to 59, a list (1,3), a range (1-5) or a step (*/2)'],
  ["9-5 * * * *", '"9-5" is no minute: expected *, 0 to 59, a list (1,3), a range (1-5) or a step (*/2)'],
  ["1, * * * *", '"" is no minute: expected *, 0 to 59, a list (1,3), a range (1-5) or a step (*/2)'],
  ["0 2 L * *", '"L" is no day of the month: expected *, 1 to 31, a list (1,3), a range (1-5) or a step (*/2)'],
  ["0 0 30 2 *", "there is no such day: it would never run"],
  ["0 0 31 4,6,9,11 *", "there is no such day: it would never run"],
];

describe("a cron line", () => {
  test.each(sound)("%s is sound, also for the library that reads it, and runs one day", (text) => {
    expect(cronProblem(text)).toBeUndefined();
    expect(new Cron(text, { timezone: "UTC", paused: true }).nextRun()).toBeInstanceOf(Date);
  });

  test.each(wrong)("%s is refused", (text, problem) => {
    expect(cronProblem(text)).toBe(problem);
  });

  test("in stack.yaml it is told with its place", () => {
    const text = `name: shop
components: { postgres: {} }
backup:
  schedule:
    full: 0 25 * * *
    timezone: Europe/Nowhere
`;
    expect(
      complaintsOf(text),
    ).toBe(`5:11 backup.schedule.full: "25" is no hour: expected *, 0 to 23, a list (1,3), a range (1-5) or a step (*/2), such as "0 2 * * *"
6:15 backup.schedule.timezone: expected a time zone such as UTC or Europe/Berlin`);
  });
});
