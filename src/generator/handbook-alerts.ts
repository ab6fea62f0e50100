import type { StackModel } from "../stack/model.ts";
import { commandToType, type OwnAlert, ownAlertsOf } from "../stack/own-alerts.ts";
import { formatDuration } from "../support/units.ts";
import { code, codes } from "./handbook-text.ts";

/** What the runbook says of alerts: who is told, how to test and silence, what each means. */
export function alertsValues(model: StackModel): Record<string, unknown> {
  const { monitoring, notify } = model;
  const names = Object.keys(notify).filter((name) => name !== "heartbeat");
  return {
    name: model.name,
    told: toldText(model),
    receiver: names[0] ?? false,
    heartbeat: notify.heartbeat === undefined ? false : code(`secrets/${notify.heartbeat}`),
    alertmanager: monitoring?.alertmanager.service ?? false,
    watchers: codes([monitoring?.prometheus.service ?? "", monitoring?.alertmanager.service ?? ""].filter(Boolean)),
    amtool:
      monitoring === undefined
        ? false
        : `docker compose exec ${monitoring.alertmanager.service} amtool --alertmanager.url=http://127.0.0.1:${monitoring.alertmanager.port}`,
    silenced: model.alerts.find(({ component }) => component !== monitoring?.component)?.component ?? "COMPONENT",
    groups: [
      ...ruleGroups(model),
      { title: "The supervisor itself", lines: ownAlertsOf(model).map((alert) => lineOf(alert)) },
    ],
  };
}

/** Who is told, in one sentence; empty: nobody. */
function toldText({ notify: { slack, email, pagerduty, webhook } }: StackModel): string {
  const only = (receiver: { only?: "critical" }) => (receiver.only === undefined ? "" : " (only what is critical)");
  return [
    slack && `Slack${only(slack)}`,
    email && `mail to ${email.to.join(", ")} by ${email.host}${only(email)}`,
    pagerduty && `PagerDuty${only(pagerduty)}`,
    webhook && `the address in ${code(`secrets/${webhook.url}`)}${only(webhook)}`,
  ]
    .filter((text) => text !== undefined)
    .join("; ");
}

function ruleGroups({ alerts }: StackModel): { title: string; lines: string[] }[] {
  const components = [...new Set(alerts.map(({ component }) => component))].sort();
  return components.map((component) => ({
    title: component,
    lines: alerts.filter((alert) => alert.component === component).map((alert) => lineOf(alert, alert.for)),
  }));
}

function lineOf({ name, severity, meaning, command }: Omit<OwnAlert, "always">, lasts = 0): string {
  const after = lasts > 0 ? `, after ${formatDuration(lasts)}` : "";
  return `**${name}** (${severity}${after}): ${commandToType(meaning)} First: ${code(commandToType(command))}`;
}
