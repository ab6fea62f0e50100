import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { ServiceNeeds } from "../component.ts";
import { configFolder, namesOf } from "./names.ts";
import type { RabbitmqOptions } from "./options.ts";

/** The image's user `rabbitmq`. */
export const user = "999:999";
export const dataFolder = "/var/lib/rabbitmq";
/** Only the server's user may look into it: Erlang refuses a cookie that others can read. Gone with the container. */
const home = "/run/rabbitmq";
const megabyte = 1024 ** 2;

export function serverService(key: string, about: string, options: RabbitmqOptions, monitored: boolean): ServiceNeeds {
  const names = namesOf(key);
  // One scheduler per CPU that it may use: left alone, Erlang makes one for each that the host has.
  const schedulers = Math.max(1, Math.ceil(options.limits.cpus));
  return {
    name: key,
    about,
    group: "data",
    image: options.image,
    user,
    // Past the image's entry point, which only changes the user.
    entrypoint: ["sh", `${configFolder}/start.sh`],
    environment: {
      HOME: home,
      // The data folder is named after the node. This name is the same in every container and reaches nobody else.
      RABBITMQ_NODENAME: "rabbit@localhost",
      ERL_EPMD_ADDRESS: "127.0.0.1",
      // Schedulers that wait busily take the CPU from the neighbours.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `+S ${schedulers}:${schedulers} +sbwt none +sbwtdcpu none +sbwtdio none`,
      RABBITMQ_CTL_ERL_ARGS: "+S 1:1 +sbwt none",
    },
    secrets: [names.cookie, names.definitions, names.admin, names.monitor],
    mounts: [
      { kind: "bind", source: names.config, target: configFolder, readOnly: true },
      { kind: "volume", volume: names.data, target: dataFolder, readOnly: false },
    ],
    tmpfs: [
      { target: "/tmp", size: 64 * megabyte, mode: "1777" },
      { target: home, size: megabyte, mode: "0700", uid: 999, gid: 999 },
      { target: "/var/log/rabbitmq", size: megabyte, mode: "0755", uid: 999, gid: 999 },
    ],
    networks: [...(options.host === undefined ? [] : ["edge"]), key, ...(monitored ? [scrapeNetwork] : [])],
    healthcheck: {
      // One request over HTTP. The server's own tools start an Erlang machine each time: seconds of CPU and 100 MB of its limit.
      test: ["CMD", "bash", `${configFolder}/health.sh`],
      startPeriod: 120_000,
      retries: 5,
    },
    limits: options.limits,
    // It writes its queues' state before it goes.
    stopGracePeriod: 60_000,
  };
}

/** Brings users, virtual hosts and what is declared in line with stack.yaml and secrets/, each time the stack is started. */
export function setupService(key: string, options: RabbitmqOptions): ServiceNeeds {
  const names = namesOf(key);
  const bind = (source: string, target: string) => ({
    kind: "bind" as const,
    source,
    target: `${configFolder}/${target}`,
    readOnly: true as const,
  });
  return {
    name: names.setup,
    about: `Tells ${key} its users, virtual hosts and queues, then ends`,
    group: "data",
    class: "one-shot",
    image: options.image,
    user,
    entrypoint: ["bash", `${configFolder}/setup.sh`],
    environment: { HOME: "/tmp" },
    secrets: [names.definitions, names.admin, names.monitor],
    mounts: [
      bind(names.script, "setup.sh"),
      bind(names.topology, "topology"),
      bind(`${names.config}/api.sh`, "api.sh"),
    ],
    // The image would make a volume of its data folder.
    tmpfs: ["/tmp", dataFolder].map((folder) => ({ target: folder, size: megabyte, mode: "1777" })),
    networks: [key],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.5, memory: 64 * megabyte, pids: 32 },
  };
}
