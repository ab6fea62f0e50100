import type { Message } from "../../notify/message.ts";
import { messageOf } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { type Receiver, type ReceiverName, wants } from "./receivers.ts";

type NotifyContext = Pick<Context, "directory" | "model" | "clock" | "signal">;

/** How it went with one receiver. */
export interface Delivery {
  receiver: ReceiverName;
  /** `unwanted`: it takes only what is critical. */
  outcome: "taken" | "failed" | "unwanted";
  /** Milliseconds. */
  took: number;
  /** Why it failed; no address, key or password is in it. */
  error?: string;
}

/** Sends a message through one receiver. Never throws, but for an interruption. Who has to tell a trouble once uses `tellOf`. */
export async function deliver(context: NotifyContext, receiver: Receiver, message: Message): Promise<Delivery> {
  const { directory, model, clock, signal } = context;
  const name = { receiver: receiver.name };
  if (!wants(receiver, message)) return { ...name, outcome: "unwanted", took: 0 };
  const begun = clock.now();
  try {
    // A secret that cannot be read is a failure of this receiver alone.
    await (async () => receiver.send(message, { clock, signal }))();
    return { ...name, outcome: "taken", took: clock.now() - begun };
  } catch (error) {
    signal.throwIfAborted();
    const text = redactorFor(directory, model)(messageOf(error));
    return { ...name, outcome: "failed", took: clock.now() - begun, error: text };
  }
}
