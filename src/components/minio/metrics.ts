import { secret } from "../../stack/secret-text.ts";
import type { ComponentUse, Contribution } from "../component.ts";
import { monitorUser, networkOfScrapes } from "../monitored.ts";
import { randomSecret } from "../random-secret.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";

/** Names of what stands for Prometheus at the server. */
export function monitorOf(key: string) {
  return { accessKey: monitorUser, secret: `${key}_${monitorUser}`, token: `${key}_${monitorUser}_token` };
}

/** What the access key of Prometheus may do: read metrics, and nothing of any bucket. */
export const monitorPolicy = {
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: ["admin:Prometheus"], Resource: ["arn:aws:s3:::*"] }],
};

/** 2100-01-01: the token ends when its secret is changed. */
const expires = 4_102_444_800;

/**
 * The server's own metrics. They are not open to whoever asks, although its networks are closed: apps are on them, and
 * with `host:` the whole world reaches every path of the server. So Prometheus has an access key of its own, and a token
 * that is signed with it, as `mc admin prometheus generate` would make one of the root user.
 */
export function monitoring({ key, thresholds }: ComponentUse): Contribution {
  const names = monitorOf(key);
  const claims = { exp: expires, sub: names.accessKey, iss: "prometheus" };
  return {
    networks: [networkOfScrapes],
    secrets: [
      randomSecret(names.secret, `Secret key of ${names.accessKey}, the access key of Prometheus at ${key}`),
      {
        name: names.token,
        about: `Token with which Prometheus reads the metrics of ${key}`,
        mode: 0o444,
        kind: "composed",
        content: [secret(names.secret, { token: claims })],
      },
    ],
    scrapes: [{ job: key, service: key, port: 9000, path: "/minio/v2/metrics/cluster", token: names.token }],
    alertRules: alertRules(key, thresholds),
    dashboards: [dashboard(key, thresholds)],
  };
}
