import { randomBytes } from "node:crypto";
import type { Message } from "../../notify/message.ts";
import { sendPing } from "../../notify/ping.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { type Alertmanager, openAlertmanager, reasonIn } from "./alertmanager.ts";
import { deliver } from "./deliver.ts";
import { type Receiver, type ReceiverName, receiversOf, secretIn } from "./receivers.ts";
import { wayOut } from "./way-out.ts";

export type TestContext = Pick<Context, "directory" | "model" | "engine" | "clock" | "signal">;

/** Whether one receiver took a test message. */
export interface TestedReceiver {
  receiver: ReceiverName | "heartbeat";
  ok: boolean;
  /** Milliseconds. */
  took: number;
  error?: string;
  /** What to do about it. */
  hint?: string;
}

export interface TestReport {
  /** Who sent it: with monitoring Alertmanager does, as it does with every alert. */
  via: "alertmanager" | "supervisor";
  receivers: TestedReceiver[];
}

/** Milliseconds that Alertmanager has: it waits a second, and its receivers have ten. */
const patience = 40_000;
const pollPause = 500;
/** Milliseconds after which a test message counts as over, so that no incident stays open. */
const testLasts = 60_000;

/** Sends a test message to each receiver, or only to those that are named, and says which of them took it. */
export async function testReceivers(context: TestContext, to: readonly string[] = []): Promise<TestReport> {
  const { model } = context;
  const { heartbeat } = model.notify;
  const all = receiversOf(context);
  const names = [...all.map(({ name }) => name), ...(heartbeat === undefined ? [] : ["heartbeat"])];
  if (names.length === 0) throw nobody();
  for (const name of to) if (!names.includes(name)) throw unknown(name, names);
  const isWanted = (name: string) => to.length === 0 || to.includes(name);
  const wanted = all.filter(({ name }) => isWanted(name));
  const beats = heartbeat !== undefined && isWanted("heartbeat") ? [heartbeat] : [];
  if (model.monitoring !== undefined) {
    const told = [...wanted, ...beats.map((secret) => ({ name: "heartbeat" as const, secret }))];
    return { via: "alertmanager", receivers: await throughAlertmanager(context, told) };
  }
  const results = wanted.map((receiver) => directly(context, receiver));
  return {
    via: "supervisor",
    receivers: await Promise.all([...results, ...beats.map((secret) => beat(context, secret))]),
  };
}

function nobody(): StackError {
  return new StackError({
    code: "nobody-told",
    exit: "invalidInput",
    message: "nobody is told when something is wrong: stack.yaml names no receiver",
    hint: "write notify: { slack: { webhook: slack_webhook } } into stack.yaml, or email, pagerduty, webhook; then ./prod.sh generate",
  });
}

function unknown(name: string, names: readonly string[]): StackError {
  return new StackError({
    code: "unknown-receiver",
    exit: "invalidInput",
    message: `--to ${name}: notify: of stack.yaml names no such receiver`,
    hint: didYouMean(name, names),
  });
}

async function directly(context: TestContext, receiver: Receiver): Promise<TestedReceiver> {
  const { model, clock } = context;
  const message: Message = {
    stack: model.name,
    name: "TestAlert",
    // Also for those who take only what is critical.
    severity: "critical",
    title: "this is a test, nothing is wrong",
    lines: ["Sent by `./prod.sh alerts test`."],
    state: "firing",
    key: `test/${randomBytes(4).toString("hex")}`,
    at: clock.now(),
  };
  const { outcome, took, error } = await deliver(context, receiver, message);
  // An incident that was opened by a test is ended by it.
  if (outcome === "taken" && receiver.name === "pagerduty")
    await deliver(context, receiver, { ...message, state: "resolved", endedAt: clock.now() });
  return tested(receiver, took, error);
}

async function beat({ directory, model, clock, signal }: TestContext, secret: string): Promise<TestedReceiver> {
  const begun = clock.now();
  try {
    await sendPing(secretIn(directory, secret), signal);
    return tested({ name: "heartbeat", secret }, clock.now() - begun, undefined);
  } catch (error) {
    signal.throwIfAborted();
    const text = redactorFor(directory, model)(messageOf(error));
    return tested({ name: "heartbeat", secret }, clock.now() - begun, text);
  }
}

/** Somebody who is told, as a test needs him. */
interface Tried {
  name: TestedReceiver["receiver"];
  secret?: string;
}

/** `holder`: the service that read the secrets when it started. */
function tested({ name, secret }: Tried, took: number, error: string | undefined, holder?: string): TestedReceiver {
  const result = { receiver: name, ok: error === undefined, took };
  return error === undefined ? result : { ...result, error, hint: wayOut({ name, error, secret, holder }) };
}

/** Alertmanager has the secrets as they were when it started; one that is gone by now is told without asking it. */
async function throughAlertmanager(context: TestContext, wanted: readonly Tried[]): Promise<TestedReceiver[]> {
  const { directory, model, clock, signal } = context;
  const holder = model.monitoring?.alertmanager.service;
  const withoutSecret = new Map(
    wanted.flatMap((tried) => {
      const error = tried.secret === undefined ? undefined : missingSecret(directory, tried.secret);
      return error === undefined ? [] : [[tried.name, tested(tried, 0, error, holder)] as const];
    }),
  );
  const receivers = wanted.filter(({ name }) => !withoutSecret.has(name));
  const alertmanager = await openAlertmanager(context);
  const before = await alertmanager.requests();
  const begun = clock.now();
  const id = randomBytes(4).toString("hex");
  await alertmanager.post(
    receivers.map(({ name }) => ({
      labels: {
        alertname: "TestAlert",
        severity: "critical",
        stack: model.name,
        component: model.monitoring?.component ?? "monitoring",
        test_receiver: name,
        // Else a second test within minutes would be the same alert, which is told once.
        test: id,
      },
      annotations: { summary: "this is a test, nothing is wrong", command: "./prod.sh alerts test" },
      startsAt: new Date(begun).toISOString(),
      endsAt: new Date(begun + testLasts).toISOString(),
    })),
  );
  const results = new Map(withoutSecret);
  while (results.size < wanted.length && clock.now() - begun < patience) {
    await clock.sleep(pollPause, signal);
    const now = await alertmanager.requests();
    for (const receiver of receivers) {
      const { name } = receiver;
      const [then, counted] = [before.get(name) ?? none, now.get(name) ?? none];
      const [sent, failed] = [counted.sent - then.sent, counted.failed - then.failed];
      if (results.has(name) || sent <= 0) continue;
      const error = failed < sent ? undefined : await reasonOf(context, alertmanager, name, begun);
      results.set(name, tested(receiver, clock.now() - begun, error, holder));
    }
  }
  return wanted.map((receiver) => results.get(receiver.name) ?? tested(receiver, clock.now() - begun, tooLate, holder));
}

function missingSecret(directory: string, name: string): string | undefined {
  try {
    secretIn(directory, name);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}

const none = { sent: 0, failed: 0 };
const tooLate = `no answer: Alertmanager was not done with it after ${patience / 1_000} s`;

/** Why Alertmanager could not hand it over; its log says so a moment after its counters do. */
async function reasonOf(
  { directory, model, engine, clock, signal }: TestContext,
  { id }: Alertmanager,
  name: Tried["name"],
  begun: number,
): Promise<string> {
  for (let tries = 0; tries < 6; tries += 1) {
    const log: string[] = [];
    for await (const { text } of engine.readLogs(id, { since: begun - 1_000 }, signal)) log.push(text);
    const reason = reasonIn(log, name);
    if (reason !== undefined) return redactorFor(directory, model)(reason.slice(0, 300));
    await clock.sleep(pollPause, signal);
  }
  return "Alertmanager could not hand it over";
}
