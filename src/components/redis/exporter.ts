import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse, Contribution } from "../component.ts";
import { exporterName, exporterService, monitorUser, networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import type { RedisOptions } from "./options.ts";
import { namesOf } from "./services.ts";

const port = 9121;

/** Secret with the password of the user that reads the server's state. */
export function monitorSecret(key: string): string {
  return `${key}_${monitorUser}`;
}

/**
 * Line of the access list for the exporter, with what it asks for and no more: no command that shows or changes
 * settings (which hold passwords), none that shows other clients' commands, and of all keys the queues alone, to read.
 */
export function monitorRights({ engine, queues }: Pick<RedisOptions, "engine" | "queues">): string {
  const lengths = ["select", "type", "memory|usage", "llen", "xlen", "zcard"];
  const commands = [
    "info",
    "slowlog|len",
    ...(engine === "valkey" ? ["commandlog|len"] : []),
    ...(queues.length > 0 ? lengths : []),
  ];
  const keys = queues.map((name) => `%R~${name}`);
  return ["resetkeys", "resetchannels", ...keys, "-@all", ...commands.map((command) => `+${command}`)].join(" ");
}

/** What is there for Prometheus: https://github.com/oliver006/redis_exporter. */
export function monitoring(options: RedisOptions, { key }: ComponentUse): Contribution {
  const password: SecretFile = {
    name: monitorSecret(key),
    about: `Password of ${monitorUser} at ${key}, who reads the server's state`,
    mode: 0o444,
    kind: "random",
    encoding: "base64url",
  };
  const address = `redis://${key}:6379`;
  const map: SecretFile = {
    name: `${password.name}_map`,
    about: `The same password, as the exporter of ${key} reads it`,
    mode: 0o444,
    kind: "composed",
    content: secretText`{"redis://${monitorUser}@${key}:6379": "${secret(password.name, "json")}"}\n`,
  };
  const service = exporterService({
    key,
    image: "oliver006/redis_exporter:v1.88.0-alpine",
    user: "59000:59000",
    environment: {
      REDIS_ADDR: address,
      REDIS_USER: monitorUser,
      REDIS_PASSWORD_FILE: `/run/secrets/${map.name}`,
      ...(options.queues.length > 0 && {
        REDIS_EXPORTER_CHECK_SINGLE_KEYS: options.queues.map(encodeURIComponent).join(","),
      }),
      // What its user may not ask.
      REDIS_EXPORTER_CONFIG_COMMAND: "-",
      REDIS_EXPORTER_SET_CLIENT_NAME: "false",
      REDIS_EXPORTER_EXCLUDE_LATENCY_HISTOGRAM_METRICS: "true",
      // It would ask any server whose address a request names.
      REDIS_EXPORTER_DISABLE_SCRAPE_ENDPOINT: "true",
    },
    secret: map.name,
    alive: `http://127.0.0.1:${port}/health`,
    setup: namesOf(key).setup,
  });
  return {
    services: [service],
    networks: [networkOfScrapes],
    secrets: [password, map],
    scrapes: [{ job: key, service: exporterName(key), port, path: "/metrics" }],
    alertRules: alertRules(key, options),
    dashboards: [dashboard(key, options)],
  };
}
