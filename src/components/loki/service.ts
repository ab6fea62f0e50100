import type { Network, Volume } from "../../stack/model.ts";
import { monitoringNetwork } from "../../stack/monitoring.ts";
import type { ComponentUse, ServiceNeeds } from "../component.ts";
import type { LokiOptions } from "./options.ts";

const megabyte = 1024 ** 2;

/** Loki asks nobody who he is: who may read and write is who stands on this network. Apps never do. */
export const logsNetwork: Network = {
  name: "logs",
  about: "Loki, and those that bring logs or look at them",
  internal: true,
};

export const lokiPort = 3100;

export function dataVolume(key: string): Omit<Volume, "component"> {
  return { name: `${key}-data`, about: `Log lines that ${key} keeps` };
}

export function configPath(key: string): string {
  return `config/${key}/loki.yml`;
}

export function lokiService(use: Pick<ComponentUse, "key" | "monitored">, { limits }: LokiOptions): ServiceNeeds {
  const { key, monitored } = use;
  return {
    name: key,
    about: "Loki, which keeps the logs of all containers and finds lines in them",
    group: "logging",
    image: "grafana/loki:3.7.6",
    user: "10001:10001",
    command: ["-config.file=/etc/loki/loki.yml"],
    // Before the limit is reached Go's collector works harder; without it the kernel ends the process.
    environment: { GOMEMLIMIT: `${Math.floor((limits.memory * 0.9) / megabyte)}MiB` },
    mounts: [
      { kind: "bind", source: configPath(key), target: "/etc/loki/loki.yml", readOnly: true },
      { kind: "volume", volume: dataVolume(key).name, target: "/loki", readOnly: false },
    ],
    networks: [logsNetwork.name, ...(monitored ? [monitoringNetwork] : [])],
    // Not ready for the first 15 seconds, on purpose: Loki waits for others to join, and there are none.
    healthcheck: { test: ["CMD", "/usr/bin/loki", "-health"], startPeriod: 90_000 },
    limits,
    // What is in memory is in the write-ahead log as well.
    stopGracePeriod: 30_000,
  };
}

/** Values for loki.yml.hbs. */
export function lokiSettings({ retention, limits }: LokiOptions): Record<string, unknown> {
  const memory = limits.memory / megabyte;
  return {
    retention: `${Math.ceil(retention / 3_600_000)}h`,
    // MB a second, of all lines and of one stream.
    rate: 8,
    burst: 16,
    streams: 2000,
    replay: Math.floor(memory / 4),
    cache: Math.floor(memory / 16),
  };
}
