import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse, Contribution } from "../component.ts";
import { exporterName, exporterService, monitorPassword, monitorUser, networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import { namesOf } from "./services.ts";

const port = 9216;
const megabyte = 1024 ** 2;

/** What is there for Prometheus: https://github.com/percona/mongodb_exporter. Its user reads states and no document of an app. */
export function monitoring({ key }: ComponentUse): Contribution {
  const password = monitorPassword(key);
  const address: SecretFile = {
    name: `${exporterName(key)}.env`,
    about: `Where and as whom the exporter of ${key} logs in`,
    mode: 0o600,
    kind: "composed",
    content: secretText`MONGODB_URI=mongodb://${monitorUser}:${secret(password.name, "uri")}@${key}:27017/admin?directConnection=true\n`,
  };
  const service = exporterService({
    key,
    image: "percona/mongodb_exporter:0.53.0",
    user: "65535:65535",
    command: [
      "--collector.diagnosticdata",
      "--collector.replicasetstatus",
      "--collector.dbstats",
      // The names of the log of changes exist in the older notation alone.
      "--compatible-mode",
    ],
    environment: { GOMEMLIMIT: "80MiB" },
    setup: namesOf(key).setup,
  });
  return {
    services: [
      {
        ...service,
        // Its image holds the program alone: nothing there could read a file into its environment.
        envFiles: [`secrets/${address.name}`],
        limits: { cpus: 0.25, memory: 96 * megabyte, pids: 64 },
      },
    ],
    networks: [networkOfScrapes],
    secrets: [password, address],
    scrapes: [{ job: key, service: exporterName(key), port, path: "/metrics" }],
    alertRules: alertRules(key),
    dashboards: [dashboard(key)],
  };
}
