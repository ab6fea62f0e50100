import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";

type AlertmanagerContext = Pick<Context, "model" | "engine">;

/** An alert as Alertmanager takes it and tells it. */
export interface PostedAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** RFC 3339. */
  startsAt: string;
  endsAt: string;
}

/** An alert that Alertmanager knows now. */
export interface ActiveAlert extends PostedAlert {
  /** `suppressed`: it follows from another one, or is silenced. */
  status: { state: "active" | "suppressed" | "unprocessed" };
}

/** What a receiver was asked to take since Alertmanager began, and how often it did not. */
export interface Requests {
  sent: number;
  failed: number;
}

/** Alertmanager, asked inside its container: it listens on no port of the host. */
export interface Alertmanager {
  /** The id of its container. */
  id: string;
  post(alerts: readonly PostedAlert[]): Promise<void>;
  /** All that fire now. */
  alerts(): Promise<ActiveAlert[]>;
  /** By receiver. */
  requests(): Promise<Map<string, Requests>>;
}

/** Milliseconds for one question. */
const timeout = 10_000;

/** The running Alertmanager of the stack; an error with what to do where it does not run. */
export async function openAlertmanager({ model, engine }: AlertmanagerContext): Promise<Alertmanager> {
  const { alertmanager } = model.monitoring ?? {};
  if (alertmanager === undefined) throw new Error("a stack without monitoring has no Alertmanager");
  const { service, port } = alertmanager;
  const { containers } = await engine.observe(model.name);
  const found = containers.find((one) => one.service === service && !one.oneOff && one.state === "running");
  if (found === undefined) throw silent(service, `${service} does not run, and it is who tells of alerts`, "start");
  const ask = async (path: string, ...options: string[]) => {
    const command = ["wget", "-q", "-T", "5", "-O", "-", ...options, `http://127.0.0.1:${port}${path}`];
    const { exitCode, stdout } = await engine.exec(found.id, command, { timeout });
    if (exitCode !== 0) throw silent(service, `${service} runs and does not answer`, "restart");
    return stdout;
  };
  return {
    id: found.id,
    async post(alerts) {
      await ask("/api/v2/alerts", "--header", "Content-Type: application/json", "--post-data", JSON.stringify(alerts));
    },
    alerts: async () => JSON.parse(await ask("/api/v2/alerts")) as ActiveAlert[],
    requests: async () => requestsIn(await ask("/metrics")),
  };
}

function silent(service: string, message: string, verb: "start" | "restart"): StackError {
  const hint = `./prod.sh ${verb} ${service}, then look at: ./prod.sh logs ${service} --tail 50`;
  return new StackError({ code: "alertmanager-silent", exit: "unhealthy", message, hint });
}

const sample = /^alertmanager_notification_requests(_failed)?_total\{([^}]*)\} (\S+)$/gm;

/** Alertmanager's own counters. Where it does not count by receiver the kind of receiver stands for it. */
export function requestsIn(metrics: string): Map<string, Requests> {
  const found = new Map<string, Requests>();
  for (const [, failed, labels = "", value] of metrics.matchAll(sample)) {
    const name = labelIn(labels, "receiver_name") ?? labelIn(labels, "integration") ?? "";
    const counted = found.get(name) ?? { sent: 0, failed: 0 };
    counted[failed === undefined ? "sent" : "failed"] += Number(value);
    found.set(name, counted);
  }
  return found;
}

function labelIn(labels: string, name: string): string | undefined {
  return new RegExp(`(?:^|,)${name}="([^"]*)"`).exec(labels)?.[1];
}

/** Why a receiver did not take something, as Alertmanager wrote it into its log; the newest reason. */
export function reasonIn(log: readonly string[], receiver: string): string | undefined {
  const reasons = log.flatMap((line) => {
    const quoted = /\berr="((?:[^"\\]|\\.)*)"/.exec(line)?.[1];
    const isAbout = line.includes(` receiver=${receiver} `) || quoted?.startsWith(`${receiver}/`);
    return quoted !== undefined && isAbout ? [quoted.replaceAll(/\\(.)/g, "$1")] : [];
  });
  return reasons.at(-1)?.replace(/^\w+\/\w+\[\d+\]: notify retry canceled.*? attempts: /, "");
}
