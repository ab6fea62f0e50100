import type { ConfigFile, Volume } from "../../stack/model.ts";
import { monitoringNetwork } from "../../stack/monitoring.ts";
import type { Dependency, Mount } from "../../stack/service.ts";
import type { ComponentUse, ContributionOf, ServiceNeeds } from "../component.ts";
import { accessLogNoise, componentExpression, levelTemplate } from "./expressions.ts";
import type { CollectorOptions } from "./options.ts";
import { socketName } from "./socket-proxy.ts";

const megabyte = 1024 ** 2;

/** Alloy's own HTTP server: metrics and readiness. */
export const collectorPort = 12_345;

export function collectorName(key: string): string {
  return `${key}-alloy`;
}

function configPath(key: string): string {
  return `config/${key}/collect.alloy`;
}

/** Where the collector has read up to in each container's log. */
export function positionsVolume(key: string): Omit<Volume, "component"> {
  return { name: `${collectorName(key)}-data`, about: `How far ${collectorName(key)} has read each container's log` };
}

/**
 * Alloy reads the log of every container of the stack through the engine, whatever its log driver, and remembers how far
 * it came. It needs no files of the host, which Filebeat and Fluent Bit read as root; Vector forgets its place at a
 * restart, and with it what was said while a host boots.
 */
export function collectorService(
  use: Pick<ComponentUse, "key" | "monitored">,
  store: { networks: string[]; dependsOn: Dependency },
): ServiceNeeds {
  const { key, monitored } = use;
  const data: Mount = {
    kind: "volume",
    volume: positionsVolume(key).name,
    target: "/var/lib/alloy/data",
    readOnly: false,
  };
  return {
    name: collectorName(key),
    about: `Reads the logs of all containers and sends them to ${key}`,
    group: "logging",
    image: "grafana/alloy:v1.18.1",
    // The image's user alloy, which the image itself does not switch to.
    user: "473:473",
    command: [
      "run",
      `--server.http.listen-addr=${monitored ? "0.0.0.0" : "127.0.0.1"}:${collectorPort}`,
      "--server.http.disable-support-bundle=true",
      "--server.http.enable-pprof=false",
      "--storage.path=/var/lib/alloy/data",
      "--disable-reporting",
      "/etc/alloy/collect.alloy",
    ],
    environment: { GOMEMLIMIT: "200MiB" },
    mounts: [{ kind: "bind", source: configPath(key), target: "/etc/alloy/collect.alloy", readOnly: true }, data],
    networks: [socketName(key), ...store.networks, ...(monitored ? [monitoringNetwork] : [])],
    dependsOn: [{ service: socketName(key), condition: "service_healthy" }, store.dependsOn],
    healthcheck: {
      // The image has no program that speaks HTTP.
      test: [
        "CMD",
        "bash",
        "-c",
        `exec 3<>/dev/tcp/127.0.0.1/${collectorPort} && printf 'GET /-/ready HTTP/1.0\\r\\n\\r\\n' >&3 && grep -q '^HTTP/1.. 200' <&3`,
      ],
    },
    limits: { cpus: 0.5, memory: 224 * megabyte, pids: 128 },
  };
}

/** Where the lines go: to Loki, or to Logstash by the protocol of OpenTelemetry. */
export type Output = { kind: "loki"; url: string } | { kind: "otlp"; url: string };

/** Alloy's configuration. `silent`: services whose log is not read. */
export function collectorFile(
  use: Pick<ComponentUse, "key" | "stack" | "template">,
  options: CollectorOptions,
  all: readonly ContributionOf[],
  output: Output,
  silent: readonly string[] = [],
): ConfigFile {
  const probes = all.flatMap(({ contribution }) => contribution.probes ?? []);
  return {
    path: configPath(use.key),
    mode: 0o644,
    content: use.template("container-logs/collect.alloy.hbs", {
      key: use.key,
      stack: use.stack,
      engine: `tcp://${socketName(use.key)}:2375`,
      component: componentExpression(all.map(({ key }) => key)),
      levelTemplate,
      silent: silent.join("|"),
      noise: options.healthChecks === "drop" ? accessLogNoise(probes.map(({ path }) => path)) : [],
      multiline: Object.entries(options.multiline).map(([component, firstline]) => ({ component, firstline })),
      url: output.url,
      loki: output.kind === "loki",
    }),
  };
}
