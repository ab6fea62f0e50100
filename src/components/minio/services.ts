import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { ServiceNeeds } from "../component.ts";
import type { Grant } from "../object-storage/buckets.ts";
import { monitorOf } from "./metrics.ts";
import type { MinioOptions } from "./options.ts";

export const user = "1000:1000";
export const s3Port = 9000;
const megabyte = 1024 ** 2;

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    volumeOwner: `${key}-volume`,
    setup: `${key}-setup`,
    data: `${key}-data`,
    rootUser: `${key}_root_user`,
    rootPassword: `${key}_root_password`,
    config: `config/${key}`,
  };
}

export function serverService(key: string, about: string, options: MinioOptions, monitored: boolean): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: key,
    about,
    group: "data",
    image: options.image,
    user,
    command: ["server", "/data", "--console-address=:9001"],
    environment: {
      MINIO_ROOT_USER_FILE: `/run/secrets/${names.rootUser}`,
      MINIO_ROOT_PASSWORD_FILE: `/run/secrets/${names.rootPassword}`,
      MINIO_UPDATE: "off",
      // Go gives memory back before the limit ends the process.
      GOMEMLIMIT: `${Math.floor((options.limits.memory * 0.8) / megabyte)}MiB`,
      HOME: "/tmp",
      MC_CONFIG_DIR: "/tmp/.mc",
    },
    secrets: [names.rootUser, names.rootPassword],
    mounts: [{ kind: "volume", volume: names.data, target: "/data", readOnly: false }],
    tmpfs: [{ target: "/tmp", size: 64 * megabyte, mode: "1777" }],
    networks: [...(options.host === undefined ? [] : ["edge"]), key, ...(monitored ? [scrapeNetwork] : [])],
    dependsOn: [{ service: names.volumeOwner, condition: "service_completed_successfully" }],
    healthcheck: { test: ["CMD", "mc", "ready", "local"], interval: 15_000, startPeriod: 60_000 },
    limits: options.limits,
    stopGracePeriod: 30_000,
  };
}

/** Brings buckets, policies and access keys in line with stack.yaml and secrets/, each time the stack is started. */
export function setupService(
  key: string,
  options: MinioOptions,
  grants: readonly Grant[],
  monitored: boolean,
): ServiceNeeds {
  const names = namesOf(key);
  const config = (file: string) => ({
    kind: "bind" as const,
    source: `${names.config}/${file}`,
    target: `/etc/minio/${file}`,
    readOnly: true,
  });
  return {
    name: names.setup,
    about: `Makes the buckets of ${key} and an access key per app, then ends`,
    group: "data",
    class: "one-shot",
    image: options.image,
    user,
    entrypoint: ["sh", "/etc/minio/setup.sh"],
    environment: { HOME: "/tmp", MC_CONFIG_DIR: "/tmp/.mc" },
    secrets: [
      names.rootUser,
      names.rootPassword,
      ...grants.map((grant) => grant.secret),
      ...(monitored ? [monitorOf(key).secret] : []),
    ],
    mounts: [
      config("setup.sh"),
      ...grants.map((grant) => config(policyFile(grant.app))),
      ...(monitored ? [config(policyFile(monitorOf(key).accessKey))] : []),
    ],
    tmpfs: [{ target: "/tmp", size: 16 * megabyte, mode: "1777" }],
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.5, memory: 256 * megabyte, pids: 64 },
  };
}

/** Of an app, or of another holder of an access key. */
export function policyFile(holder: string): string {
  return `policy-${holder}.json`;
}

/** `mc` on the server as its root user, whose keys are read from their files and are no arguments. */
export function shellCommand(key: string): string[] {
  const names = namesOf(key);
  const read = (name: string) => `"$(cat /run/secrets/${name})"`;
  const login = `printf '%s\\n' ${read(names.rootUser)} ${read(names.rootPassword)} | mc --quiet alias set local http://127.0.0.1:${s3Port} >/dev/null`;
  return ["sh", "-c", `export MC_CONFIG_DIR=/tmp/.mc-shell; ${login} && exec mc "$@"`, "mc"];
}
