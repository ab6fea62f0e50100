import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse, Contribution } from "../component.ts";
import { exporterName, exporterService, monitorPassword, monitorUser, networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import type { KafkaOptions } from "./options.ts";
import { namesOf, ports } from "./services.ts";
import { type PlannedTopic, partitionLimits } from "./settings.ts";
import { type AccessRule, monitorRules, probePrefix } from "./users.ts";

const port = 8080;
const megabyte = 1024 ** 2;

/** A topic of the exporter's own: it writes a record every few seconds and measures how long that takes. */
const probeTopic: PlannedTopic = {
  name: `${probePrefix}probe`,
  partitions: 1,
  retentionMs: 600_000,
  ...partitionLimits(4 * megabyte),
  compact: false,
  size: 4 * megabyte,
};

/** What the set-up makes for the exporter beside its login. */
export const monitorNeeds: { topics: PlannedTopic[]; rules: AccessRule[] } = {
  topics: [probeTopic],
  rules: monitorRules(),
};

/**
 * What is there for Prometheus: https://github.com/redpanda-data/kminion. It reads its password from a file, knows the
 * size of the log, and tries the way of a record itself; none of that holds for kafka_exporter. Metrics of the server's
 * own (JMX) would need an agent that is in no image of Kafka.
 */
export function monitoring(options: KafkaOptions, { key, thresholds }: ComponentUse): Contribution {
  const password = monitorPassword(key);
  const config: SecretFile = {
    name: `${password.name}_config`,
    about: `The same password, among the settings of the exporter of ${key}`,
    mode: 0o444,
    kind: "composed",
    content: exporterConfig(key, password.name),
  };
  const service = exporterService({
    key,
    image: "redpandadata/kminion:v2.3.5",
    user: "65534:65534",
    environment: { CONFIG_FILEPATH: `/run/secrets/${config.name}`, GOMEMLIMIT: "80MiB" },
    secret: config.name,
    alive: `http://127.0.0.1:${port}/ready`,
    setup: namesOf(key).setup,
  });
  return {
    services: [{ ...service, limits: { ...service.limits, memory: 96 * megabyte } }],
    networks: [networkOfScrapes],
    secrets: [password, config],
    scrapes: [{ job: key, service: exporterName(key), port, path: "/metrics" }],
    alertRules: alertRules(key, options, thresholds),
    dashboards: [dashboard(key, options, thresholds)],
  };
}

function exporterConfig(key: string, password: string) {
  return secretText`kafka:
  brokers: ["${key}:${ports.apps}"]
  retryInitConnection: true
  sasl: { enabled: true, mechanism: SCRAM-SHA-512, username: ${monitorUser}, password: "${secret(password, "json")}" }
logger: { level: warn }
minion:
  endToEnd:
    enabled: true
    probeInterval: 5s
    topicManagement: { enabled: false, name: ${probeTopic.name} }
    consumer: { groupIdPrefix: ${probePrefix}probe, deleteStaleConsumerGroups: true }
exporter: { port: ${port} }
`;
}
