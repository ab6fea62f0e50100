import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sendPagerduty } from "../../../src/notify/pagerduty.ts";
import { sendSlack } from "../../../src/notify/slack.ts";
import { alertDocument, sendWebhook } from "../../../src/notify/webhook.ts";
import { messageOf } from "../../../src/support/errors.ts";
import { message } from "../../support/messages.ts";
import { type PostBox, postBox } from "../../support/receivers.ts";

let box: PostBox;
const slept: number[] = [];
const clock = {
  sleep: async (milliseconds: number) => {
    slept.push(milliseconds);
  },
};
const sending = { clock, signal: new AbortController().signal };

beforeEach(async () => {
  box = await postBox();
  slept.length = 0;
});
afterEach(() => box.close());

async function refusal(act: Promise<void>): Promise<string> {
  return await act.then(
    () => "taken",
    (error) => messageOf(error),
  );
}

const slack = () => sendSlack(`${box.base}/services/T0/B0/5ecret4711\n`, message(), sending);
const pagerduty = () => sendPagerduty({ url: `${box.base}/v2/enqueue`, key: "r0uting-5ecret\n" }, message(), sending);
const webhook = () => sendWebhook(`${box.base}/hook/5ecret4711`, alertDocument(message()), sending);
const all = { slack, pagerduty, webhook };

describe.each(Object.entries(all))("%s", (name, send) => {
  test("gets the message once", async () => {
    await send();
    expect(box.seen).toHaveLength(1);
    expect(box.seen[0]?.method).toBe("POST");
    expect(box.seen[0]?.body).toContain("web-1 is unhealthy");
  });

  test("is tried again after 429 and 5xx, with pauses", async () => {
    box.answers.push(429, 502);
    await send();
    expect(box.seen).toHaveLength(3);
    expect(slept).toEqual([1_000, 5_000]);
  });

  test("that refuses is asked once; neither its address nor its key is told", async () => {
    box.answers.push({ status: 403, text: `no: ${box.seen.length} r0uting-5ecret /services/T0/B0/5ecret4711` });
    const told = await refusal(send());
    expect(told).toContain("403");
    expect(told).not.toMatch(/5ecret|\/services|\/hook/);
    expect(box.seen).toHaveLength(1);
  });

  test("that never answers is left after the time limit, three times", async () => {
    box.answers.push("silent", "silent", "silent");
    const limited = { ...sending, limit: 100 };
    const sends: Record<string, () => Promise<void>> = {
      slack: () => sendSlack(`${box.base}/services/T0/B0/5ecret4711`, message(), limited),
      pagerduty: () => sendPagerduty({ url: `${box.base}/v2/enqueue`, key: "r0uting-5ecret" }, message(), limited),
      webhook: () => sendWebhook(`${box.base}/hook/5ecret4711`, alertDocument(message()), limited),
    };
    const told = await refusal(sends[name]?.() ?? Promise.resolve());
    expect(told).toMatch(/^no answer from 127\.0\.0\.1:\d+: none within 0\.1 s$/);
    expect(box.seen).toHaveLength(3);
  });

  test("that sends its caller elsewhere has not taken it", async () => {
    box.answers.push(302);
    expect(await refusal(send())).toContain("302");
    expect(box.seen).toHaveLength(1);
  });
});

describe("a page at a wrong address has taken nothing", () => {
  test.each([
    ["Slack", slack, 'Slack answered with 200: something else than "ok": is the address that of a webhook?'],
    ["PagerDuty", pagerduty, "PagerDuty answered with 200"],
  ])("%s", async (_, send, told) => {
    box.answers.push({ status: 200, text: "<html>Welcome</html>" });
    expect(await refusal(send())).toBe(told);
    expect(box.seen).toHaveLength(1);
  });
});

describe("why it was refused", () => {
  test("Slack says it in a word", async () => {
    box.answers.push({ status: 404, text: "channel_not_found" });
    expect(await refusal(slack())).toBe("Slack answered with 404: channel_not_found");
  });

  test("PagerDuty says it in JSON; a key in it is hidden", async () => {
    const text = JSON.stringify({
      status: "invalid event",
      message: "Event object is invalid",
      errors: ["r0uting-5ecret is no key"],
    });
    box.answers.push({ status: 400, text });
    expect(await refusal(pagerduty())).toBe(
      "PagerDuty answered with 400: Event object is invalid; [redacted] is no key",
    );
  });
});
