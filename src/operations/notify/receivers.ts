import { join } from "node:path";
import type { Sending } from "../../notify/attempts.ts";
import { sendEmail } from "../../notify/email.ts";
import type { Message } from "../../notify/message.ts";
import { sendPagerduty } from "../../notify/pagerduty.ts";
import { sendSlack } from "../../notify/slack.ts";
import { alertDocument, sendWebhook } from "../../notify/webhook.ts";
import { readIfExists } from "../../support/files.ts";
import type { Context } from "../context.ts";

export type ReceiverName = "slack" | "email" | "pagerduty" | "webhook";

/** Somebody who is told. */
export interface Receiver {
  name: ReceiverName;
  only?: "critical";
  /** Name of the secret that it needs. */
  secret?: string;
  /** Rejects where the message was not taken. */
  send(message: Message, sending: Sending): Promise<void>;
}

/** The receivers that `notify:` of stack.yaml names. Secrets are read when something is sent. */
export function receiversOf({ directory, model }: Pick<Context, "directory" | "model">): Receiver[] {
  const { slack, email, pagerduty, webhook } = model.notify;
  const read = (name: string) => secretIn(directory, name);
  const receivers: (Receiver | undefined)[] = [
    slack && {
      name: "slack",
      secret: slack.webhook,
      ...only(slack),
      send: (message, sending) => sendSlack(read(slack.webhook), message, sending),
    },
    email && {
      name: "email",
      ...(email.password !== undefined && { secret: email.password }),
      ...only(email),
      send: (message, sending) => {
        const { password, ...settings } = email;
        return sendEmail(
          { ...settings, ...(password !== undefined && { password: read(password) }) },
          message,
          sending,
        );
      },
    },
    pagerduty && {
      name: "pagerduty",
      secret: pagerduty.key,
      ...only(pagerduty),
      send: (message, sending) => sendPagerduty({ url: pagerduty.url, key: read(pagerduty.key) }, message, sending),
    },
    webhook && {
      name: "webhook",
      secret: webhook.url,
      ...only(webhook),
      send: (message, sending) => sendWebhook(read(webhook.url), alertDocument(message), sending),
    },
  ];
  return receivers.filter((receiver) => receiver !== undefined);
}

/** Whether a receiver wants a message of this severity. */
export function wants({ only: least }: Pick<Receiver, "only">, { severity }: Pick<Message, "severity">): boolean {
  return least === undefined || severity === "critical";
}

function only(receiver: { only?: "critical" }): { only?: "critical" } {
  return receiver.only === undefined ? {} : { only: receiver.only };
}

/** A secret without the line break at its end; rejects where there is nothing in it. */
export function secretIn(directory: string, name: string): string {
  const value = readIfExists(join(directory, "secrets", name))?.trim();
  if (value) return value;
  throw new Error(`secrets/${name} is empty or missing`);
}
