import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import { imageOf, type MongodbOptions } from "./options.ts";
import { mostConnections } from "./settings.ts";

/** The image's user `mongodb`. */
export const serverUser = "999:999";
const megabyte = 1024 ** 2;
export const scriptFolder = "/etc/mongo";

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    data: `${key}-data`,
    setup: `${key}-setup`,
    config: `config/${key}`,
    admin: `${key}_stack_admin`,
    keyFile: `${key}_key`,
    dump: `${key}_dump`,
  };
}

/** The shell writes into its home, which is the data folder in the image. */
const shellHome = { HOME: "/tmp" };

export function serverService(key: string, about: string, options: MongodbOptions): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: key,
    about,
    group: "data",
    image: imageOf(options),
    user: serverUser,
    entrypoint: ["sh", `${scriptFolder}/start.sh`],
    environment: {
      ...shellHome,
      MONGO_INITDB_ROOT_USERNAME: "stack_admin",
      MONGO_INITDB_ROOT_PASSWORD_FILE: `/run/secrets/${names.admin}`,
    },
    secrets: [names.admin, names.keyFile],
    mounts: [
      { kind: "volume", volume: names.data, target: "/data/db", readOnly: false },
      ...["mongod.conf", "start.sh", "admin.js", "backup.sh", "tasks.js"].map((file) => scriptMount(key, file)),
      { ...scriptMount(key, "initialized.sh"), target: "/docker-entrypoint-initdb.d/initialized.sh" },
      { ...scriptMount(key, "mongosh.conf"), target: "/etc/mongosh.conf" },
    ],
    tmpfs: [
      { target: "/tmp", size: 64 * megabyte, mode: "1777" },
      // Unused; the image would make a volume of it.
      { target: "/data/configdb", size: megabyte, mode: "0700", uid: 999, gid: 999 },
    ],
    networks: [key],
    healthcheck: {
      // Primary, or not yet told what it is. While the image makes its administrator the server is neither.
      test: ["CMD", "mongosh", "--quiet", "--norc", "--eval", healthScript],
      // Each is a Node.js program of its own.
      interval: 30_000,
      timeout: 15_000,
      startInterval: 5_000,
      startPeriod: 180_000,
    },
    limits: { ...options.limits, pids: Math.max(options.limits.pids, mostConnections(options.limits.memory) + 128) },
    // A last checkpoint of a busy server.
    stopGracePeriod: 90_000,
    nofile: 64_000,
  };
}

const healthScript = [
  'if (require("fs").existsSync("/tmp/begun")) quit(1)',
  "const told = db.hello()",
  "quit(told.isreplicaset || (told.setName && told.isWritablePrimary) ? 0 : 1)",
].join("; ");

/** Makes the set and the users, each time the stack is started. */
export function setupService(key: string, options: MongodbOptions, passwords: readonly string[]): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.setup,
    about: `Makes ${key} a replica set of one, and its users, then ends`,
    group: "data",
    class: "one-shot",
    image: imageOf(options),
    user: serverUser,
    entrypoint: ["mongosh"],
    command: ["--quiet", "--norc", "--nodb", "--file", `${scriptFolder}/setup.js`],
    environment: shellHome,
    secrets: [names.admin, ...passwords],
    mounts: [scriptMount(key, "setup.js"), { ...scriptMount(key, "mongosh.conf"), target: "/etc/mongosh.conf" }],
    tmpfs: ["/tmp", "/data/db", "/data/configdb"].map((target) => ({ target, size: 16 * megabyte, mode: "1777" })),
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 1, memory: 256 * megabyte, pids: 64 },
  };
}

/** A file of the configuration, below the folder of scripts. */
export function scriptMount(key: string, file: string): Mount {
  return { kind: "bind", source: `${namesOf(key).config}/${file}`, target: `${scriptFolder}/${file}`, readOnly: true };
}

/** A shell as the administrator; the password comes from its file, so that it is no argument. */
export function shellCommand(): string[] {
  const stay = "if [ $# -eq 0 ]; then set -- --shell; fi";
  return [
    "sh",
    "-c",
    `${stay}; exec mongosh --quiet --norc --nodb --eval 'load("${scriptFolder}/admin.js")' "$@"`,
    "mongosh",
  ];
}
