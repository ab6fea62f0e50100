import type { SecretFile } from "../stack/model.ts";
import type { NotifySettings } from "../stack/monitoring.ts";

/** Secrets that `notify:` names, for the supervisor. Where Alertmanager reads them too, its component says so. */
export function notifySecrets(notify: NotifySettings): SecretFile[] {
  const { slack, email, pagerduty, webhook, heartbeat } = notify;
  const named: [string | undefined, string][] = [
    [slack?.webhook, "Address of Slack's incoming webhook"],
    [email?.password, `Password of ${email?.user ?? ""} at ${email?.host ?? ""}`],
    [pagerduty?.key, "Routing key of PagerDuty's Events API v2"],
    [webhook?.url, "Address that gets a JSON document of each alert"],
    [heartbeat, "Address that is requested while all is well"],
  ];
  return named.flatMap(([name, about]) =>
    name === undefined ? [] : [{ name, about, mode: 0o444, kind: "supplied", for: "notify" }],
  );
}
