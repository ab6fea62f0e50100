import { expect, test } from "vitest";
import { mergedByTime, reorderer } from "../../../src/operations/logs-merge.ts";

async function* from(name: string, ...times: string[]) {
  for (const time of times) yield { time, name };
}

async function merged(...sources: ReturnType<typeof from>[]): Promise<string[]> {
  const seen: string[] = [];
  for await (const { time, name } of mergedByTime(sources)) seen.push(`${name}${time}`);
  return seen;
}

test("several sources become one, equals in the order of the sources", async () => {
  expect(await merged(from("a", "1", "4", "5"), from("b"), from("c", "2", "4", "6"))).toEqual([
    "a1",
    "c2",
    "a4",
    "c4",
    "a5",
    "c6",
  ]);
  expect(await merged()).toEqual([]);
});

test("who stops reading lets all sources go", async () => {
  const closed: string[] = [];
  async function* endless(name: string) {
    try {
      for (let time = 0; ; time += 1) yield { time: String(time).padStart(9, "0"), name };
    } finally {
      closed.push(name);
    }
  }
  for await (const { time } of mergedByTime([endless("a"), endless("b")])) if (time.endsWith("5")) break;
  expect(closed.sort()).toEqual(["a", "b"]);
});

test("what is pushed waits while too much is held and the reader stands still", async () => {
  let release = () => {};
  const standing = new Promise<void>((resolve) => {
    release = resolve;
  });
  let taken = 0;
  const ordered = reorderer(
    async () => {
      await standing;
      taken += 1;
    },
    () => {},
  );
  let pushed = 0;
  const pushing = (async () => {
    for (; pushed < 12_000; pushed += 1) await ordered.push({ time: "1" });
  })();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(pushed).toBeLessThan(6_000);
  release();
  await pushing;
  await ordered.end();
  expect(taken).toBe(12_000);
});
