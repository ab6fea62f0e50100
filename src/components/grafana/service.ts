import type { ServiceNeeds } from "../component.ts";
import { type GrafanaOptions, imageOf } from "./options.ts";

/** The image's user `grafana`, in the root group as the image has it. */
const user = "472:0";
const megabyte = 1024 ** 2;

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    data: `${key}-data`,
    config: `config/${key}`,
    password: `${key}_admin`,
    secretKey: `${key}_secret_key`,
  };
}

export function grafanaService(
  key: string,
  options: GrafanaOptions,
  reaches: { networks: readonly string[]; secrets: readonly string[] },
): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: key,
    about: "Grafana: dashboards of metrics and logs",
    group: "monitoring",
    image: imageOf(options),
    user,
    secrets: [names.password, names.secretKey, ...reaches.secrets],
    mounts: [
      { kind: "bind", source: names.config, target: "/etc/grafana", readOnly: true },
      { kind: "volume", volume: names.data, target: "/var/lib/grafana", readOnly: false },
    ],
    tmpfs: [{ target: "/tmp", size: 64 * megabyte, mode: "1777" }],
    networks: [...new Set(reaches.networks)],
    // Its first start makes a database of hundreds of steps.
    healthcheck: {
      test: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:3000/api/health"],
      startPeriod: 120_000,
    },
    limits: options.limits,
    stopGracePeriod: 30_000,
  };
}
