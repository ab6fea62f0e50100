import type { SecretFile } from "../../stack/model.ts";
import type { Scrape } from "../../stack/monitoring.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse, Contribution, ServiceNeeds } from "../component.ts";
import {
  exporterName,
  exporterService,
  monitorPassword,
  monitorSecret,
  monitorUser,
  networkOfScrapes,
} from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { dashboard } from "./dashboard.ts";
import type { RedisOptions } from "./options.ts";
import { serverPort } from "./sentinel-names.ts";
import { namesOf } from "./services.ts";

const port = 9121;

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

/** The password as https://github.com/oliver006/redis_exporter reads it. `hosts`: each server that one may ask, `redis:6379`. */
export function passwordMap(key: string, hosts: readonly string[]): SecretFile {
  const entry = (host: string) => secretText`"redis://${monitorUser}@${host}": "${secret(monitorSecret(key), "json")}"`;
  return {
    name: `${monitorSecret(key)}_map`,
    about: `The same password, as the exporter of ${key} reads it`,
    mode: 0o444,
    kind: "composed",
    content: ["{", ...hosts.flatMap((host, index) => [...(index > 0 ? [", "] : []), ...entry(host)]), "}\n"],
  };
}

/** The exporter of one server of a component. */
export function exporterOf(
  key: string,
  options: Pick<RedisOptions, "queues">,
  server: string,
  at: number,
): ServiceNeeds {
  const map = `${monitorSecret(key)}_map`;
  return exporterService({
    key,
    server,
    image: "oliver006/redis_exporter:v1.88.0-alpine",
    user: "59000:59000",
    environment: {
      REDIS_ADDR: `redis://${server}:${at}`,
      REDIS_USER: monitorUser,
      REDIS_PASSWORD_FILE: `/run/secrets/${map}`,
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
    secret: map,
    alive: `http://127.0.0.1:${port}/health`,
    setup: namesOf(key).setup,
  });
}

/** Where Prometheus reads what the exporter of one server says. */
export function scrapeOf(server: string): Scrape {
  return { job: server, service: exporterName(server), port, path: "/metrics" };
}

/** What is there for Prometheus of one server. */
export function monitoring(options: RedisOptions, { key }: ComponentUse): Contribution {
  return {
    services: [exporterOf(key, options, key, serverPort)],
    networks: [networkOfScrapes],
    secrets: [monitorPassword(key), passwordMap(key, [`${key}:${serverPort}`])],
    scrapes: [scrapeOf(key)],
    alertRules: alertRules(key, options),
    dashboards: [dashboard(key, options)],
  };
}
