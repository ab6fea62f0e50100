import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { ServiceNeeds } from "../component.ts";
import type { BucketOptions, Grant } from "../object-storage/buckets.ts";
import type { SeaweedfsOptions } from "./options.ts";

/** The image's own. */
const user = "1000:1000";
const megabyte = 1024 ** 2;

export const s3Port = 8333;
export const metricsPort = 9327;
const inspectScript = "/etc/seaweedfs/inspect.sh";
/** Prints what `status` shows. */
export const inspectCommand = ["sh", inspectScript];

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    setup: `${key}-setup`,
    data: `${key}-data`,
    adminKey: `${key}_admin_access_key`,
    adminSecret: `${key}_admin_secret_key`,
    identities: `${key}_identities.json`,
    certificate: `${key}.crt`,
    certificateKey: `${key}.key`,
    authority: `${key}_ca.crt`,
    config: `config/${key}`,
  };
}

/**
 * All of SeaweedFS in one process. Only the S3 server listens to others: master, volume server and filer ask nobody for a
 * password, so they are reached from inside the container alone.
 */
export function serverService(
  key: string,
  about: string,
  options: SeaweedfsOptions,
  { grants, buckets, monitored }: { grants: readonly Grant[]; buckets: readonly BucketOptions[]; monitored: boolean },
): ServiceNeeds {
  const names = namesOf(key);
  const inContainer = (name: string) => `/run/secrets/${name}`;
  return {
    name: key,
    about,
    group: "data",
    image: options.image,
    user,
    command: [
      "server",
      "-ip=127.0.0.1",
      "-ip.bind=127.0.0.1",
      // Small, and made one by one: each bucket has volumes of its own, of which a small disk holds few.
      "-master.volumeSizeLimitMB=256",
      "-volume.max=0",
      "-master.telemetry=false",
      "-volume.preStopSeconds=1",
      "-filer",
      "-s3",
      "-s3.ip.bind=0.0.0.0",
      `-s3.port=${s3Port}`,
      `-s3.config=${inContainer(names.identities)}`,
      "-s3.port.iceberg=0",
      "-s3.port.lance=0",
      "-s3.allowDeleteBucketNotEmpty=false",
      // Further uploads wait. Without it sixteen of 11 MB at once end a server with 512 MB.
      `-s3.concurrentUploadLimitMB=${Math.floor(options.limits.memory / 16 / megabyte)}`,
      "-metricsIp=0.0.0.0",
      `-metricsPort=${metricsPort}`,
    ],
    environment: {
      WEED_MASTER_VOLUME_GROWTH_COPY_1: "1",
      // Over this port of the S3 server anybody could make himself an administrator. Nobody has a certificate for it.
      WEED_GRPC_CA: inContainer(names.authority),
      WEED_GRPC_S3_CERT: inContainer(names.certificate),
      WEED_GRPC_S3_KEY: inContainer(names.certificateKey),
      WEED_GRPC_S3_ALLOWED_COMMONNAMES: "nobody",
      // The server reads its access keys when it starts: with this line it is started again when there are others.
      STACK_ACCESS_KEYS: keysText(buckets, grants),
      GOMEMLIMIT: `${Math.floor((options.limits.memory * 0.8) / megabyte)}MiB`,
      HOME: "/tmp",
    },
    secrets: [names.identities, names.certificate, names.certificateKey, names.authority],
    mounts: [
      { kind: "bind", source: `${names.config}/inspect.sh`, target: inspectScript, readOnly: true },
      { kind: "volume", volume: names.data, target: "/data", readOnly: false },
    ],
    tmpfs: [{ target: "/tmp", size: 64 * megabyte, mode: "1777" }],
    networks: [...(options.host === undefined ? [] : ["edge"]), key, ...(monitored ? [scrapeNetwork] : [])],
    healthcheck: {
      // The S3 server answers a second or two before the master knows the volume server and what it holds; writes are
      // refused and answers cut short meanwhile.
      test: [
        "CMD-SHELL",
        [
          `curl -fsS -o /dev/null http://127.0.0.1:${s3Port}/healthz || exit 1`,
          "known=$(curl -fsS http://127.0.0.1:8080/healthz && curl -fsS http://127.0.0.1:9333/dir/status) || exit 1",
          `case "$known" in *'"Url":'*) ;; *) echo 'no volume server yet'; exit 1 ;; esac`,
          `ls /data/*.dat >/dev/null 2>&1 || exit 0`,
          `case "$known" in *'"Volumes":'[1-9]*) ;; *) echo 'volumes are not known yet'; exit 1 ;; esac`,
        ].join("\n"),
      ],
      interval: 15_000,
      startPeriod: 60_000,
    },
    limits: options.limits,
    stopGracePeriod: 60_000,
  };
}

/** Names and no secret: `web: uploads avatars; anybody: avatars`. */
function keysText(buckets: readonly BucketOptions[], grants: readonly Grant[]): string {
  const open = buckets.filter((bucket) => bucket.public).map(({ name }) => name);
  return [
    ...grants.map((grant) => `${grant.accessKey}: ${grant.buckets.join(" ")}`),
    ...(open.length > 0 ? [`anybody: ${open.join(" ")}`] : []),
  ].join("; ");
}

/** Makes the buckets of stack.yaml, each time the stack is started, and looks whether the server knows its keys. */
export function setupService(key: string, options: SeaweedfsOptions, grants: readonly Grant[]): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.setup,
    about: `Makes the buckets of ${key}, then ends`,
    group: "data",
    class: "one-shot",
    image: options.image,
    user,
    entrypoint: ["sh", "/etc/seaweedfs/stack/setup.sh"],
    secrets: [names.adminKey, names.adminSecret, ...grants.map((grant) => grant.secret)],
    mounts: [{ kind: "bind", source: names.config, target: "/etc/seaweedfs/stack", readOnly: true }],
    tmpfs: [{ target: "/tmp", size: 4 * megabyte, mode: "1777" }],
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.25, memory: 64 * megabyte, pids: 32 },
  };
}
