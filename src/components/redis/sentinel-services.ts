import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import { imageOf, type RedisOptions, titleOf } from "./options.ts";
import { sentinelNames, sentinelPort, serverPort, volumeOf } from "./sentinel-names.ts";
import { configPath } from "./services.ts";
import { healthUser } from "./users.ts";

/** The images' users `redis` and `valkey`. */
const user = "999:999";
const megabyte = 1024 ** 2;

/** Where things lie inside the containers. */
export const inside = {
  start: "/usr/local/etc/start.sh",
  config: "/usr/local/etc/server.conf",
  status: "/usr/local/etc/status.sh",
  failover: "/usr/local/etc/failover.sh",
  setup: "/usr/local/etc/setup.sh",
  seed: "/usr/local/etc/seed.sh",
  backup: "/usr/local/etc/backup.sh",
  serverState: "/data/node.conf",
  sentinelState: "/data/sentinel.conf",
};

/** Generated files of a server with sentinels, below the stack's directory. */
export function sentinelFiles(key: string, options: Pick<RedisOptions, "engine">) {
  const folder = `config/${key}`;
  return {
    server: configPath(key, options),
    sentinel: `${folder}/sentinel.conf`,
    startServer: `${folder}/server.sh`,
    startSentinel: `${folder}/sentinel.sh`,
    status: `${folder}/status.sh`,
    failover: `${folder}/failover.sh`,
    setup: `${folder}/setup.sh`,
    seed: `${folder}/seed.sh`,
    backup: `${folder}/backup.sh`,
    proxy: `${folder}/haproxy.cfg`,
  };
}

const bind = (source: string, target: string): Mount => ({ kind: "bind", source, target, readOnly: true });
const temporary = { target: "/tmp", size: 16 * megabyte, mode: "1777" };

/** The client ends with 0 for any answer, also "loading": only PONG counts. */
function pings(options: RedisOptions, port: number): string[] {
  const client = `${options.engine}-cli -h 127.0.0.1 -p ${port}`;
  return ["CMD-SHELL", `${client} --user ${healthUser} --pass none --no-auth-warning ping | grep -qx PONG`];
}

/** Gives new volumes their first role; each start begins with it. */
export function seedService(key: string, options: RedisOptions): ServiceNeeds {
  const names = sentinelNames(key);
  return {
    name: names.seed,
    about: `Gives each new volume of ${key} its first role, then ends`,
    group: "data",
    class: "one-shot",
    image: imageOf(options),
    user,
    entrypoint: ["sh", inside.seed],
    mounts: [
      bind(sentinelFiles(key, options).seed, inside.seed),
      ...[...names.servers, ...names.sentinels].map(
        (service): Mount => ({
          kind: "volume",
          volume: volumeOf(service),
          target: `/volumes/${service}`,
          readOnly: false,
        }),
      ),
    ],
    // The image would make a volume of /data.
    tmpfs: [temporary, { target: "/data", size: megabyte, mode: "1777" }],
    networks: [key],
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 32 },
  };
}

/** The three servers. Each is healthy when it answers, whatever its role: a restart gives no replica its primary back. */
export function serverServices(key: string, options: RedisOptions): ServiceNeeds[] {
  const names = sentinelNames(key);
  const files = sentinelFiles(key, options);
  return names.servers.map((name) => ({
    name,
    about: `${titleOf(options)} of ${key}, kept on disk: the primary or one of two replicas`,
    group: "data",
    image: imageOf(options),
    user,
    entrypoint: ["sh", inside.start, name],
    secrets: [names.acl, names.admin, names.replicaConf],
    mounts: [
      bind(files.server, inside.config),
      bind(files.startServer, inside.start),
      bind(files.backup, inside.backup),
      { kind: "volume", volume: volumeOf(name), target: "/data", readOnly: false },
    ],
    tmpfs: [temporary],
    networks: [key],
    dependsOn: [{ service: names.seed, condition: "service_completed_successfully" }],
    healthcheck: { test: pings(options, serverPort), startPeriod: 120_000 },
    limits: options.limits,
    stopGracePeriod: 30_000,
  }));
}

export function sentinelServices(key: string, options: RedisOptions): ServiceNeeds[] {
  const names = sentinelNames(key);
  const files = sentinelFiles(key, options);
  return names.sentinels.map((name) => ({
    name,
    about: `Sentinel of ${key}: watches the primary, and two of three make another one`,
    group: "data",
    image: imageOf(options),
    user,
    entrypoint: ["sh", inside.start, name],
    secrets: [names.sentinelAcl, names.sentinelConf, names.admin],
    mounts: [
      bind(files.sentinel, inside.config),
      bind(files.startSentinel, inside.start),
      bind(files.status, inside.status),
      bind(files.failover, inside.failover),
      { kind: "volume", volume: volumeOf(name), target: "/data", readOnly: false },
    ],
    tmpfs: [temporary],
    networks: [key],
    dependsOn: names.servers.map((service) => ({ service, condition: "service_started" as const })),
    healthcheck: { test: pings(options, sentinelPort), startPeriod: 60_000 },
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 64 },
    // The stack's data services all have it; a sentinel ends at once.
    stopGracePeriod: 30_000,
  }));
}

/** Makes running servers follow users and passwords, and ends when the primary takes writes. */
export function sentinelSetup(key: string, options: RedisOptions): ServiceNeeds {
  const names = sentinelNames(key);
  return {
    name: names.setup,
    about: `Tells the servers of ${key} their users, and waits until the primary takes writes, then ends`,
    group: "data",
    class: "one-shot",
    image: imageOf(options),
    user,
    entrypoint: ["sh", inside.setup],
    secrets: [names.acl, names.sentinelAcl, names.admin, names.replicaPassword, names.sentinelPassword],
    mounts: [bind(sentinelFiles(key, options).setup, inside.setup)],
    tmpfs: [temporary, { target: "/data", size: megabyte, mode: "1777" }],
    networks: [key],
    // Not healthy: with one server of three gone the apps are to start all the same.
    dependsOn: names.sentinels.map((service) => ({ service, condition: "service_started" as const })),
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 32 },
  };
}

/** The long-term line; its fixes come under the same tag, which `./prod.sh lock` pins. */
const proxyImage = "haproxy:3.2-trixie";

/** Connections through the proxy at the same time; each takes some 33 KB of its memory. */
export const proxyConnections = 1_000;

/** Follows the primary for apps that do not know Sentinel. */
export function proxyService(key: string, options: RedisOptions): ServiceNeeds {
  const names = sentinelNames(key);
  const target = "/usr/local/etc/haproxy/haproxy.cfg";
  const alive = "exec 3<>/dev/tcp/127.0.0.1/8404; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; grep -q ' 200 ' <&3";
  return {
    name: names.proxy,
    about: `Leads to the primary of ${key}, whoever that is`,
    group: "data",
    image: proxyImage,
    // The image's user `haproxy`.
    user: "99:99",
    entrypoint: ["haproxy", "-db", "-f", target],
    mounts: [bind(sentinelFiles(key, options).proxy, target)],
    tmpfs: [{ target: "/tmp", size: megabyte, mode: "1777" }],
    networks: [key],
    dependsOn: [{ service: names.setup, condition: "service_completed_successfully" }],
    // The image has no client for HTTP; its shell is one.
    healthcheck: { test: ["CMD", "bash", "-c", alive] },
    limits: { cpus: 0.5, memory: 64 * megabyte, pids: 64 },
    stopGracePeriod: 30_000,
    nofile: 4_096,
  };
}
