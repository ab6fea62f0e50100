import type { Command, Group } from "./command.ts";

export const alertsGroup: Group = {
  name: "alerts",
  summary: "who is told when something is wrong, and of what",
  place: "stack",
  description:
    "Receivers stand in stack.yaml under notify:. With monitoring Alertmanager tells them; without it `schedule run` looks once a minute and tells them itself.",
};

/** Verbs about alerts, in the order of the help text. */
export const alertsCommands: Command[] = [
  {
    name: "alerts test",
    summary: "send a test message to each receiver, and say whether it arrived",
    place: "stack",
    description:
      "With monitoring the message goes the way of every alert, through Alertmanager. One that did not take it is told with what to do. PagerDuty gets an incident that is ended at once.",
    options: [
      {
        name: "to",
        value: "RECEIVER",
        repeatable: true,
        help: "only this one: slack, email, pagerduty, webhook, heartbeat",
        completion: ["slack", "email", "pagerduty", "webhook", "heartbeat"],
      },
    ],
    exits: ["partial", "unhealthy", "engineUnreachable"],
    examples: [["./prod.sh alerts test --to slack", "one receiver"]],
    load: () => import("./commands/alerts-test.ts"),
  },
  {
    name: "alerts list",
    summary: "every alert: what it means, the first command; and what fires now",
    place: "stack",
    exits: ["unhealthy", "engineUnreachable"],
    load: () => import("./commands/alerts-list.ts"),
  },
];
