import type { ServiceNeeds } from "../component.ts";
import { imageOf, type RedisOptions } from "./options.ts";
import { adminUser, healthUser } from "./users.ts";

/** The images' users `redis` and `valkey`. */
const user = "999:999";
const megabyte = 1024 ** 2;

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    data: `${key}-data`,
    setup: `${key}-setup`,
    script: `config/${key}/setup.sh`,
    backup: `config/${key}/backup.sh`,
    acl: `${key}_acl`,
    admin: `${key}_stack_admin`,
  };
}

/** Path of the configuration below the stack's directory. */
export function configPath(key: string, options: Pick<RedisOptions, "engine">): string {
  return `config/${key}/${options.engine}.conf`;
}

export function serverService(key: string, about: string, options: RedisOptions): ServiceNeeds {
  const names = namesOf(key);
  const target = `/usr/local/etc/${options.engine}/${options.engine}.conf`;
  const durable = options.profile === "durable";
  return {
    name: key,
    about,
    group: "data",
    image: imageOf(options),
    user,
    // Past the image's entry point, which would load every module that lies in the image.
    entrypoint: [`${options.engine}-server`, target],
    secrets: [names.acl, names.admin],
    mounts: [
      { kind: "bind", source: configPath(key, options), target, readOnly: true },
      ...(durable
        ? [{ kind: "bind" as const, source: names.backup, target: "/usr/local/etc/backup.sh", readOnly: true }]
        : []),
      ...(durable ? [{ kind: "volume" as const, volume: names.data, target: "/data", readOnly: false }] : []),
    ],
    tmpfs: [
      { target: "/tmp", size: 16 * megabyte, mode: "1777" },
      // A cache writes nothing; the folder is there because the image would make a volume of it.
      ...(durable ? [] : [{ target: "/data", size: megabyte, mode: "0755", uid: 999, gid: 999 }]),
    ],
    networks: [key],
    healthcheck: {
      // The client ends with 0 for any answer, also "loading": only PONG counts.
      test: [
        "CMD-SHELL",
        `${options.engine}-cli -h 127.0.0.1 --user ${healthUser} --pass none --no-auth-warning ping | grep -qx PONG`,
      ],
      startPeriod: 120_000,
    },
    limits: options.limits,
    stopGracePeriod: 30_000,
  };
}

/** Makes a running server follow the list of users, each time the stack is started. */
export function setupService(key: string, options: RedisOptions): ServiceNeeds {
  const names = namesOf(key);
  const target = "/usr/local/etc/setup.sh";
  return {
    name: names.setup,
    about: `Tells ${key} its users and their passwords, then ends`,
    group: "data",
    class: "one-shot",
    image: imageOf(options),
    user,
    entrypoint: ["sh", target],
    secrets: [names.acl, names.admin],
    mounts: [{ kind: "bind", source: names.script, target, readOnly: true }],
    // The image would make a volume of /data.
    tmpfs: ["/tmp", "/data"].map((folder) => ({ target: folder, size: megabyte, mode: "1777" })),
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 32 },
  };
}

/** A shell on the server, or on whichever the sentinels call the primary. The password comes from its file, so that it is no argument. */
export function shellCommand(
  key: string,
  { engine }: Pick<RedisOptions, "engine">,
  sentinels?: readonly string[],
): string[] {
  const read = `REDISCLI_AUTH="$(cat /run/secrets/${namesOf(key).admin})"`;
  const asked = `${engine}-cli -h "$each" -p 26379 --user ${healthUser} --pass none --no-auth-warning SENTINEL GET-MASTER-ADDR-BY-NAME ${key}`;
  const find = `for each in ${sentinels?.join(" ")}; do host=$(timeout 3 ${asked} 2>/dev/null | head -n 1); [ -z "$host" ] || break; done; `;
  const where = sentinels === undefined ? "" : ' -h "$' + '{host:-127.0.0.1}"';
  return [
    "sh",
    "-c",
    `${sentinels === undefined ? "" : find}${read} exec ${engine}-cli${where} --user ${adminUser} --no-auth-warning "$@"`,
    "redis-cli",
  ];
}
