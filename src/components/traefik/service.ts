import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { PublishedPort } from "../../stack/service.ts";
import type { ComponentUse, ServiceNeeds } from "../component.ts";
import { dnsSecrets } from "./certificates.ts";
import type { TraefikOptions } from "./options.ts";

const megabyte = 1024 ** 2;

/** No user of the image: any will do that owns the volume with the certificates. */
const user = "65532:65532";

export function acmeVolume(key: string): string {
  return `${key}-acme`;
}

export function traefikService(
  options: TraefikOptions,
  { key, monitored }: Pick<ComponentUse, "key" | "monitored">,
  secrets: readonly string[],
): ServiceNeeds {
  const { acme } = options;
  return {
    name: key,
    about: "takes every request from outside, speaks TLS and passes it on; the only service with published ports",
    group: "edge",
    image: "traefik:v3.7.11",
    user,
    environment: {
      ...(acme?.challenge === "dns" && acme.env),
      ...Object.fromEntries(Object.entries(dnsSecrets(options)).map(([name, file]) => [name, `/run/secrets/${file}`])),
    },
    secrets: [...secrets],
    mounts: [
      // Folders, never single files: a file that is replaced by a rename would keep its old content inside.
      { kind: "bind", source: `config/${key}`, target: "/etc/traefik", readOnly: true },
      { kind: "bind", source: "routes", target: "/routes", readOnly: true },
      ...(acme ? [{ kind: "volume" as const, volume: acmeVolume(key), target: "/acme", readOnly: false }] : []),
    ],
    tmpfs: [{ target: "/tmp", size: Math.max(64 * megabyte, 4 * (options.maxBody ?? 0)), mode: "1777" }],
    networks: ["public", "edge", ...(monitored ? [scrapeNetwork] : [])],
    ports: publishedPorts(options),
    dependsOn: acme ? [{ service: setupName(key), condition: "service_completed_successfully" }] : [],
    healthcheck: { test: ["CMD", "traefik", "healthcheck"], startPeriod: 20_000 },
    limits: options.limits,
    // Two for each request under way; the memory limit is reached before that.
    nofile: 16_384,
    // Longer than Traefik's own patience with requests that are under way.
    stopGracePeriod: 30_000,
  };
}

function publishedPorts({ ports, http3 }: TraefikOptions): PublishedPort[] {
  const host = "0.0.0.0";
  return [
    { host, published: ports.http, target: 80, protocol: "tcp" },
    { host, published: ports.https, target: 443, protocol: "tcp" },
    ...(http3 ? [{ host, published: ports.https, target: 443, protocol: "udp" as const }] : []),
  ];
}

function setupName(key: string): string {
  return `${key}-setup`;
}

/** Traefik makes its file of certificates itself, with mode 0600, and needs a folder that is its own for that. */
export function setupService(key: string): ServiceNeeds {
  return {
    name: setupName(key),
    about: `gives the volume of certificates to the user of ${key}, then ends`,
    group: "edge",
    class: "one-shot",
    image: "busybox:1.38.0",
    user: "0:0",
    command: ["chown", user, "/acme"],
    mounts: [{ kind: "volume", volume: acmeVolume(key), target: "/acme", readOnly: false }],
    tmpfs: [],
    networks: [],
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 16 },
    exceptions: [
      { rule: "non-root", reason: "only root may hand over files" },
      {
        rule: "drop-capabilities",
        reason: `hands a fresh volume over to the user of ${key}, without a network`,
        capabilities: ["CHOWN"],
      },
    ],
  };
}
