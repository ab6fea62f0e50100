import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import type { KafkaOptions } from "./options.ts";
import { heapOf } from "./settings.ts";

/** The image's user `appuser`. */
const user = "1000:1000";
const megabyte = 1024 ** 2;
const folder = "/usr/local/etc/kafka";
const volumeTarget = "/var/lib/kafka/data";

/** Where the server listens: for apps (SCRAM-SHA-512), and for the stack itself (the administrator alone). */
export const ports = { apps: 9092, stack: 9093 } as const;

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    data: `${key}-data`,
    setup: `${key}-setup`,
    admin: `${key}_stack_admin`,
    jaas: `${key}_jaas`,
    config: `config/${key}`,
  };
}

/** Files that the server and its set-up read, each with the name of its template. */
export const configFiles = {
  server: ["server.properties", "log4j2.properties", "client.properties", "start.sh", "tool.sh", "ask.sh"],
  setup: ["log4j2.properties", "client.properties", "setup.sh", "tool.sh", "ask.sh"],
} as const;

/** Where the text of each comes from. */
export const templates: Record<(typeof configFiles)["server" | "setup"][number], string> = {
  "server.properties": "kafka/server.properties.hbs",
  "log4j2.properties": "kafka/log4j2.properties.hbs",
  "client.properties": "kafka/client.properties.hbs",
  "start.sh": "kafka/start.sh.hbs",
  "setup.sh": "kafka/setup.sh.hbs",
  "tool.sh": "kafka/tool.sh.hbs",
  "ask.sh": "kafka/ask.sh.hbs",
};

function mountsOf(key: string, files: readonly string[]): Mount[] {
  const names = namesOf(key);
  return [
    ...files.map((file) => ({
      kind: "bind" as const,
      source: `${names.config}/${file}`,
      target: `${folder}/${file}`,
      readOnly: true,
    })),
    { kind: "volume", volume: names.data, target: volumeTarget, readOnly: false },
  ];
}

/** The image would make volumes of the last two. Java unpacks its compressors into /tmp and runs them there. */
const tmpfs = [
  { target: "/tmp", size: 64 * megabyte, mode: "1777", executable: true },
  ...["/etc/kafka/secrets", "/mnt/shared/config"].map((target) => ({ target, size: megabyte, mode: "1777" })),
];

/** Java takes its arguments from the environment; the file with the logins is named, never shown. */
function javaOf(key: string, heap: number): Record<string, string> {
  return {
    KAFKA_HEAP_OPTS: `-Xms${heap / 2 / megabyte}m -Xmx${heap / megabyte}m`,
    KAFKA_OPTS: `-XX:+ExitOnOutOfMemoryError -Djava.security.auth.login.config=/run/secrets/${namesOf(key).jaas}`,
    KAFKA_LOG4J_OPTS: `-Dlog4j2.configurationFile=${folder}/log4j2.properties`,
    // Its log of the garbage collector would be a file.
    KAFKA_GC_LOG_OPTS: "-Xlog:gc=warning",
    LOG_DIR: "/tmp",
  };
}

export function serverService(key: string, about: string, options: KafkaOptions): ServiceNeeds {
  const names = namesOf(key);
  const heap = Math.floor(heapOf(options.limits.memory) / (2 * megabyte)) * 2 * megabyte;
  return {
    name: key,
    about,
    group: "data",
    image: options.image,
    user,
    // Past the image's entry point, which writes its configuration anew and has a cluster id that all the world shares.
    entrypoint: ["bash", `${folder}/start.sh`],
    environment: javaOf(key, heap),
    secrets: [names.jaas, names.admin],
    mounts: mountsOf(key, configFiles.server),
    tmpfs,
    networks: [key],
    // A client of its own in a few lines of bash: one in Java would take a second of processor time, six times a minute.
    healthcheck: {
      test: ["CMD", "bash", `${folder}/ask.sh`, "health"],
      interval: 15_000,
      startPeriod: 300_000,
    },
    limits: options.limits,
    // It closes every file in order; otherwise it looks through them at its next start.
    stopGracePeriod: 60_000,
  };
}

/** Brings users, rights and topics in line with stack.yaml and secrets/, each time the stack is started. */
export function setupService(key: string, options: KafkaOptions, userSecrets: readonly string[]): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.setup,
    about: `Tells ${key} its users and their passwords, makes its topics, then ends`,
    group: "data",
    class: "one-shot",
    image: options.image,
    user,
    entrypoint: ["bash", `${folder}/setup.sh`],
    environment: { KAFKA_OPTS: `-Djava.security.auth.login.config=/run/secrets/${names.jaas}`, LOG_DIR: "/tmp" },
    secrets: [names.jaas, names.admin, ...userSecrets],
    mounts: mountsOf(key, configFiles.setup),
    tmpfs,
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 1, memory: 256 * megabyte, pids: 128 },
  };
}

/** One of Kafka's own commands as the administrator, who is in a file and no argument. */
export function toolCommand(name: string): string[] {
  return ["bash", `${folder}/tool.sh`, name];
}

export const inspectCommand = ["bash", `${folder}/ask.sh`, "inspect"];
