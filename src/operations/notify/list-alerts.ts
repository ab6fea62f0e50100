import type { AlertSeverity } from "../../stack/monitoring.ts";
import { ownAlertsOf } from "../../stack/own-alerts.ts";
import { messageOf } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { openAlertmanager } from "./alertmanager.ts";
import { lookAtStack } from "./look.ts";
import { readNotifyMemory } from "./memory.ts";

type ListContext = Pick<Context, "directory" | "model" | "engine" | "clock" | "progress" | "signal">;

/** A condition that somebody is told of. */
export interface ListedAlert {
  name: string;
  severity: AlertSeverity;
  /** Key of the component whose rule it is; undefined: the supervisor tells of it. */
  component?: string;
  /** Milliseconds that it must hold; undefined where that differs. */
  for?: number;
  meaning: string;
  command: string;
}

/** Something that is wrong now. */
export interface FiringAlert {
  name: string;
  severity: string;
  component?: string;
  service?: string;
  summary: string;
  command?: string;
  /** RFC 3339. */
  since: string;
  /** It follows from another one, or is silenced: nobody is told. */
  quiet: boolean;
}

export interface AlertList {
  receivers: string[];
  alerts: ListedAlert[];
  firing: FiringAlert[];
  /** Why it is not known what fires now. */
  unknown?: string;
}

/** Every alert of the stack, and what fires now: as Alertmanager says, and as the supervisor finds now. */
export async function listAlerts(context: ListContext): Promise<AlertList> {
  const { directory, model } = context;
  const rules = model.alerts.map(({ name, severity, component, for: lasts, meaning, command }) => ({
    name,
    severity,
    component,
    for: lasts,
    meaning,
    command,
  }));
  const own = ownAlertsOf(model).map(({ name, severity, meaning, command }) => ({ name, severity, meaning, command }));
  const receivers = Object.keys(model.notify);
  const known = { receivers, alerts: [...rules, ...own] };
  const seen = await seenNow(context);
  if (model.monitoring === undefined) return { ...known, firing: seen };
  try {
    return { ...known, firing: [...(await knownToAlertmanager(context)), ...seen] };
  } catch (error) {
    context.signal.throwIfAborted();
    return { ...known, firing: seen, unknown: redactorFor(directory, model)(messageOf(error)) };
  }
}

/** What fires, as Alertmanager knows it. */
export async function knownToAlertmanager(context: Pick<Context, "model" | "engine">): Promise<FiringAlert[]> {
  const alerts = await (await openAlertmanager(context)).alerts();
  return alerts
    .filter(({ labels }) => labels.alertname !== "Watchdog" && labels.test_receiver === undefined)
    .map(({ labels, annotations, startsAt, status }) => ({
      name: labels.alertname ?? "",
      severity: labels.severity ?? "warning",
      ...(labels.component !== undefined && { component: labels.component }),
      ...(labels.service !== undefined && { service: labels.service }),
      summary: annotations.summary ?? labels.alertname ?? "",
      ...(annotations.command !== undefined && { command: annotations.command }),
      since: startsAt,
      quiet: status.state === "suppressed",
    }));
}

/** What the supervisor finds at this moment, with the time at which it saw it first. */
async function seenNow(context: ListContext): Promise<FiringAlert[]> {
  const { troubles } = await lookAtStack(context, { thorough: true });
  const known = readNotifyMemory(context.directory).troubles;
  return troubles.map(({ key, name, severity, component, service, title, command }) => ({
    name,
    severity,
    ...(component !== undefined && { component }),
    ...(service !== undefined && { service }),
    summary: title,
    ...(command !== undefined && { command }),
    since: new Date(known[key]?.since ?? context.clock.now()).toISOString(),
    quiet: false,
  }));
}
