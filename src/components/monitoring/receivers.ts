import type { SecretFile } from "../../stack/model.ts";
import type { AlertSeverity, NotifySettings } from "../../stack/monitoring.ts";

/** Somebody who is told by Alertmanager; the name is also the value of `test_receiver`. */
export interface Receiver {
  name: "slack" | "email" | "pagerduty" | "webhook";
  only?: Extract<AlertSeverity, "critical">;
}

/** Those who are told, in a fixed order. */
export function receiversOf(notify: NotifySettings): Receiver[] {
  const names = ["slack", "email", "pagerduty", "webhook"] as const;
  return names.flatMap((name) => {
    const settings = notify[name];
    return settings === undefined ? [] : [{ name, ...(settings.only && { only: settings.only }) }];
  });
}

/** Secrets that Alertmanager reads. Without one of them it would start and tell nobody, so the stack does not start. */
export function secretsOf({ slack, email, pagerduty, webhook, heartbeat }: NotifySettings): SecretFile[] {
  const wanted: [name: string | undefined, about: string][] = [
    [slack?.webhook, "Address of Slack's incoming webhook"],
    [email?.password, `Password of ${email?.user ?? ""} at ${email?.host ?? ""}`],
    [pagerduty?.key, "Routing key of PagerDuty's Events API v2"],
    [webhook?.url, "Address that gets a JSON document of each alert"],
    [heartbeat, "Address that is requested while all is well"],
  ];
  const named = wanted.flatMap(([name, about]): SecretFile[] =>
    name === undefined ? [] : [{ name, about, mode: 0o444, kind: "supplied" }],
  );
  return named.filter(({ name }, index) => named.findIndex((other) => other.name === name) === index);
}
