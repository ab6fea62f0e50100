import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sendPing } from "../../../src/notify/ping.ts";
import { sendWebhook } from "../../../src/notify/webhook.ts";
import { messageOf } from "../../../src/support/errors.ts";
import { type PostBox, postBox } from "../../support/receivers.ts";

let box: PostBox;
let base: string;
const signal = new AbortController().signal;

beforeEach(async () => {
  box = await postBox();
  base = box.base;
});
afterEach(() => box.close());

async function refusal(act: Promise<void>): Promise<string> {
  return await act.then(
    () => "taken",
    (error) => messageOf(error),
  );
}

const slept: number[] = [];
const clock = {
  sleep: async (milliseconds: number) => {
    slept.push(milliseconds);
  },
};
beforeEach(() => {
  slept.length = 0;
});

describe("the ping", () => {
  test("is one GET of the address, without its line break", async () => {
    await sendPing(`${base}/token-4711?a=b\n`, signal);
    expect(box.seen).toEqual([{ method: "GET", path: "/token-4711?a=b", body: "" }]);
  });

  test.each([404, 500, 302])("answered with %d was not taken; the address stays secret", async (status) => {
    box.answers.push(status);
    expect(await refusal(sendPing(`${base}/token-4711`, signal))).toBe(`the ping was answered with ${status}`);
    expect(box.seen).toHaveLength(1);
  });

  test("waits for an answer for a limited time", async () => {
    box.answers.push("silent");
    const told = await refusal(sendPing(`${base}/token-4711`, signal, 100));
    expect(told).toMatch(/^no answer from 127\.0\.0\.1:\d+: none within 0\.1 s$/);
  });

  test("that nobody listens to, or that is no address, is told without the secret", async () => {
    expect(await refusal(sendPing("http://127.0.0.1:9/token-4711", signal))).not.toContain("4711");
    expect(await refusal(sendPing("token-4711", signal))).toBe("what the secret holds is no address such as https://…");
  });
});

describe("the webhook", () => {
  test("gets the document as JSON", async () => {
    await sendWebhook(base, { outcome: "ok" }, { clock, signal });
    expect(box.seen).toEqual([{ method: "POST", path: "/", body: '{"outcome":"ok"}' }]);
  });

  test("is tried again where that may help, three times in all", async () => {
    box.answers.push(503, 429);
    await sendWebhook(base, {}, { clock, signal });
    expect(box.seen).toHaveLength(3);
    box.answers.push(500, 500, 500);
    expect(await refusal(sendWebhook(base, {}, { clock, signal }))).toBe("the report was answered with 500");
    expect(box.seen).toHaveLength(6);
    expect(slept).toEqual([1_000, 5_000, 1_000, 5_000]);
  });

  test("is not tried again where it was refused", async () => {
    box.answers.push(400);
    expect(await refusal(sendWebhook(base, {}, { clock, signal }))).toBe("the report was answered with 400");
    expect(box.seen).toHaveLength(1);
  });
});
