import type { NotifySettings } from "../../stack/monitoring.ts";
import type { Connection } from "../component.ts";
import { receiversOf } from "./receivers.ts";

/** Values for alertmanager.yml.hbs; `edge` is the key of the component that routes lead through. */
export function alertmanagerValues(
  stack: string,
  notify: NotifySettings,
  connections: readonly Pick<Connection, "app" | "from">[],
  edge: string | undefined,
): Record<string, unknown> {
  const { slack, email, pagerduty, webhook, heartbeat } = notify;
  return {
    edge: edge ?? false,
    stack: JSON.stringify(stack),
    people: receiversOf(notify).map(({ name, only }) => ({ name, only: only ?? false })),
    followers: followersOf(connections).map(({ cause, users }) => ({ cause, users: users.join("|") })),
    heartbeat: heartbeat ?? false,
    slack: slack ?? false,
    email: email !== undefined && {
      to: JSON.stringify(email.to.join(", ")),
      from: JSON.stringify(email.from),
      smarthost: JSON.stringify(`${email.host}:${email.port}`),
      user: email.user !== undefined && JSON.stringify(email.user),
      password: email.password ?? false,
      starttls: email.tls === "starttls",
      implicit: email.tls === "implicit",
    },
    pagerduty: pagerduty !== undefined && { ...pagerduty, url: JSON.stringify(pagerduty.url) },
    webhook: webhook ?? false,
  };
}

/** Of each component that others use: all that stand still with it, over however many in between. */
export function followersOf(
  connections: readonly Pick<Connection, "app" | "from">[],
): { cause: string; users: string[] }[] {
  const usersOf = (cause: string, found = new Set<string>()): Set<string> => {
    for (const { app, from } of connections) {
      if (from !== cause || found.has(app)) continue;
      found.add(app);
      usersOf(app, found);
    }
    return found;
  };
  return [...new Set(connections.map(({ from }) => from))].map((cause) => ({
    cause,
    users: [...usersOf(cause)].sort(),
  }));
}
