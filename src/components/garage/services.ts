import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import type { Grant } from "../object-storage/buckets.ts";
import { toolsImage } from "../object-storage/volume-owner.ts";
import type { GarageOptions } from "./options.ts";

export const user = "1000:1000";
const megabyte = 1024 ** 2;

export const s3Port = 3900;
export const adminPort = 3903;
/** The one that Garage itself calls usual, and that its clients are told. */
export const region = "garage";

/** Where the volumes are mounted. */
export const metaFolder = "/var/lib/garage/meta";
export const dataFolder = "/var/lib/garage/data";

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    volumeOwner: `${key}-volume`,
    metadata: `${key}-metadata`,
    setup: `${key}-setup`,
    meta: `${key}-meta`,
    data: `${key}-data`,
    rpcSecret: `${key}_rpc_secret`,
    adminToken: `${key}_admin_token`,
    metricsToken: `${key}_metrics_token`,
    config: `config/${key}`,
  };
}

function volumesOf(key: string, readsMeta = false): Mount[] {
  const names = namesOf(key);
  return [
    { kind: "volume", volume: names.meta, target: metaFolder, readOnly: readsMeta },
    { kind: "volume", volume: names.data, target: dataFolder, readOnly: false },
  ];
}

/** One node alone. Only S3 and the port that asks for a token listen to others. */
export function serverService(key: string, about: string, options: GarageOptions, monitored: boolean): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: key,
    about,
    group: "data",
    image: options.image,
    user,
    command: ["/garage", "server", "--single-node"],
    environment: {
      GARAGE_RPC_SECRET_FILE: `/run/secrets/${names.rpcSecret}`,
      GARAGE_ADMIN_TOKEN_FILE: `/run/secrets/${names.adminToken}`,
      GARAGE_METRICS_TOKEN_FILE: `/run/secrets/${names.metricsToken}`,
      // It refuses files that others may read; these lie in a folder that only their owner may enter.
      GARAGE_ALLOW_WORLD_READABLE_SECRETS: "true",
      // Without a line for each look of the health check.
      RUST_LOG: "garage=info,garage_net=warn,garage_api_admin=warn",
      NO_COLOR: "true",
    },
    secrets: [names.rpcSecret, names.adminToken, names.metricsToken],
    mounts: [
      { kind: "bind", source: `${names.config}/garage.toml`, target: "/etc/garage.toml", readOnly: true },
      ...volumesOf(key),
    ],
    tmpfs: [],
    networks: [...(options.host === undefined ? [] : ["edge"]), key, ...(monitored ? [scrapeNetwork] : [])],
    dependsOn: [{ service: names.metadata, condition: "service_completed_successfully" }],
    healthcheck: { test: ["CMD", "/garage", "health", "--quiet"], interval: 15_000, startPeriod: 60_000 },
    limits: options.limits,
    stopGracePeriod: 30_000,
  };
}

/** After a restore, which brings the volume with the data and an empty one beside it, the names and keys of what is in it. */
export function metadataService(key: string): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.metadata,
    about: `Brings the metadata of ${key} back where they are missing, then ends`,
    group: "data",
    class: "one-shot",
    image: toolsImage,
    user,
    command: ["sh", "/etc/garage/metadata.sh"],
    mounts: [
      { kind: "bind", source: `${names.config}/metadata.sh`, target: "/etc/garage/metadata.sh", readOnly: true },
      ...volumesOf(key),
    ],
    tmpfs: [],
    networks: [],
    dependsOn: [{ service: names.volumeOwner, condition: "service_completed_successfully" }],
    limits: { cpus: 0.5, memory: 64 * megabyte, pids: 16 },
  };
}

/** Brings buckets and access keys in line with stack.yaml and secrets/, each time the stack is started. */
export function setupService(key: string, grants: readonly Grant[]): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.setup,
    about: `Makes the buckets of ${key} and an access key per app, then ends`,
    group: "data",
    class: "one-shot",
    image: toolsImage,
    user,
    command: ["sh", "/etc/garage/setup.sh"],
    secrets: [names.adminToken, ...grants.map((grant) => grant.secret)],
    mounts: [
      { kind: "bind", source: `${names.config}/setup.sh`, target: "/etc/garage/setup.sh", readOnly: true },
      ...volumesOf(key, true),
    ],
    tmpfs: [{ target: "/tmp", size: 4 * megabyte, mode: "1777" }],
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 32 },
  };
}
