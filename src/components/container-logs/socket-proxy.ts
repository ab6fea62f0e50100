import type { Network } from "../../stack/model.ts";
import type { ServiceNeeds } from "../component.ts";

const megabyte = 1024 ** 2;

/** Name of the proxy's service, and of the network that it shares with the collector alone. */
export function socketName(key: string): string {
  return `${key}-socket`;
}

export function socketNetwork(key: string): Network {
  return {
    name: socketName(key),
    about: `The log collector of ${key} and the proxy to the engine's socket, nobody else`,
    internal: true,
  };
}

/**
 * Exactly what Alloy asks: which containers there are, on which networks, and one container's state and log. Regular
 * expressions of Go that the whole path must match.
 */
export const allowedRequests = [
  "-allowHEAD=/_ping",
  "-allowGET=/_ping",
  "-allowGET=/v1\\.[0-9]{1,2}/(containers/json|networks)",
  "-allowGET=/v1\\.[0-9]{1,2}/containers/[0-9a-f]{64}/(json|logs)",
];

/** The only container that sees the engine's socket. It lets one reader through, for reading logs. */
export function socketProxy(key: string, reader: string, socket: string): ServiceNeeds {
  return {
    name: socketName(key),
    about: `Lets ${reader} read logs from the Docker engine, and nothing else`,
    group: "logging",
    image: "wollomatic/socket-proxy:1.13.1",
    user: "0:0",
    command: [
      "-listenip=0.0.0.0",
      `-allowfrom=${reader}`,
      ...allowedRequests,
      "-allowhealthcheck",
      // After an update of the engine the mounted socket is a dead one: the proxy ends, and is started with the new one.
      "-watchdoginterval=60",
      "-stoponwatchdog",
      "-shutdowngracetime=5",
    ],
    mounts: [{ kind: "host", source: socket, target: "/var/run/docker.sock", readOnly: true }],
    tmpfs: [],
    networks: [socketName(key)],
    healthcheck: { test: ["CMD", "/healthcheck"] },
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 64 },
    exceptions: [
      {
        rule: "non-root",
        // The group `docker` has another number on every host; the owner of the socket is always the container's root.
        reason:
          "opens the engine's socket as its owner; it has no capabilities and lets through only reading: lists of containers and networks, a container's state (with its environment) and its log",
      },
      { rule: "host-paths", reason: "the engine's socket, for this proxy alone", paths: [socket] },
    ],
  };
}
