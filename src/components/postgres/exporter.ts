import type { ComponentUse, Contribution } from "../component.ts";
import { exporterName, exporterService, monitorSecret, monitorUser, networkOfScrapes } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { alertRules } from "./alerts.ts";
import { namesOf } from "./services.ts";

const port = 9187;
const queries = "/etc/postgres-exporter/queries.yml";

/**
 * What is there for Prometheus: https://github.com/prometheus-community/postgres_exporter. Its role sees statistics and
 * no row of any table.
 */
export function monitoring({ key, template }: ComponentUse): Contribution {
  const names = namesOf(key);
  const file = `${names.config}/exporter-queries.yml`;
  const secret = randomPassword(
    monitorSecret(key),
    `Password of the role ${monitorUser} of ${key}, which reads statistics`,
  );
  const service = exporterService({
    key,
    image: "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
    user: "65534:65534",
    command: [
      `--extend.query-path=${queries}`,
      "--collector.database_wraparound",
      // Of the database postgres alone, where no app has a table.
      "--no-collector.stat_user_tables",
      "--no-collector.statio_user_tables",
    ],
    environment: {
      DATA_SOURCE_URI: `${key}:5432/postgres?sslmode=disable&connect_timeout=5`,
      DATA_SOURCE_USER: monitorUser,
      DATA_SOURCE_PASS_FILE: `/run/secrets/${secret.name}`,
    },
    secret: secret.name,
    mounts: [{ kind: "bind", source: file, target: queries, readOnly: true }],
    alive: `http://127.0.0.1:${port}/`,
    setup: names.setup,
  });
  return {
    services: [service],
    networks: [networkOfScrapes],
    secrets: [secret],
    files: [{ path: file, content: template("postgres/exporter-queries.yml.hbs", {}), mode: 0o644 }],
    scrapes: [{ job: key, service: exporterName(key), port, path: "/metrics" }],
    alertRules: alertRules(key),
  };
}
