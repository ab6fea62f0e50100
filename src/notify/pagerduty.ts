import { createHash } from "node:crypto";
import { redactor } from "../support/redact.ts";
import { post, type Sending } from "./attempts.ts";
import { bodyOf, headlineOf, type Message } from "./message.ts";
import type { Answer } from "./request.ts";

/** What the events API takes at most. https://developer.pagerduty.com/docs/send-alert-event */
const longest = { summary: 1_024, key: 255 };

/** Opens or ends an incident by the Events API v2. Rejects where it was not taken; the error does not hold the key. */
export async function sendPagerduty(
  { url, key }: { url: string; key: string },
  message: Message,
  sending: Sending,
): Promise<void> {
  const redact = redactor([key]);
  const refusal = (answer: Answer) => new Error(redact(refusalText(answer)));
  await post(url, pagerdutyDocument(key.trim(), message), sending, refusal, ({ status }) => status === 202);
}

export function pagerdutyDocument(routingKey: string, message: Message): object {
  const { state, stack, key, severity, component, service, name, at } = message;
  const event = { routing_key: routingKey, dedup_key: dedupKey(`${stack}/${key}`) };
  if (state === "resolved") return { ...event, event_action: "resolve" };
  return {
    ...event,
    event_action: "trigger",
    client: "create-stack",
    payload: {
      summary: cut(headlineOf(message), longest.summary),
      source: stack,
      severity,
      class: name,
      timestamp: new Date(at).toISOString(),
      ...(component !== undefined && { component }),
      ...(service !== undefined && { group: service }),
      custom_details: { details: bodyOf(message).join("\n") },
    },
  };
}

/** One that is too long is told apart by its hash. */
function dedupKey(key: string): string {
  return key.length <= longest.key ? key : createHash("sha256").update(key).digest("hex");
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}

/** PagerDuty says in JSON what it did not like: `{ "message": "Event object is invalid", "errors": [...] }`. */
function refusalText({ status, text }: Answer): string {
  const said = `PagerDuty answered with ${status}`;
  try {
    const { message, errors } = JSON.parse(text) as { message?: unknown; errors?: unknown };
    const words = [message, ...(Array.isArray(errors) ? errors : [])].filter((word) => typeof word === "string");
    return words.length === 0 ? said : cut(`${said}: ${words.join("; ")}`, 300);
  } catch {
    return said;
  }
}
