import type { Mount } from "../../stack/service.ts";
import type { ServiceNeeds } from "../component.ts";
import { imageOf, type PostgresOptions } from "./options.ts";
import type { DerivedSettings } from "./settings.ts";

/** The image's user `postgres`. */
export const serverUser = "999:999";
const socketFolder = "/var/run/postgresql";
const megabyte = 1024 ** 2;

/** Version 18 keeps its data below a folder of its major version and refuses to start on the older mount point. */
export function dataTarget(version: number): string {
  return version >= 18 ? "/var/lib/postgresql" : "/var/lib/postgresql/data";
}

/** PGDATA of the image. */
export function dataFolder(version: number): string {
  return version >= 18 ? `/var/lib/postgresql/${version}/docker` : "/var/lib/postgresql/data";
}

export const configFolder = "/etc/postgresql";

/** Names that the parts of this component have, by its key in stack.yaml. */
export function namesOf(key: string) {
  return {
    setup: `${key}-setup`,
    data: `${key}-data`,
    socket: `${key}-socket`,
    superuser: `${key}_superuser`,
    pooler: `${key}-pooler`,
    config: `config/${key}`,
    spool: `backups/spool/${key}`,
  };
}

export function serverService(
  key: string,
  about: string,
  options: PostgresOptions,
  derived: DerivedSettings,
): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: key,
    about,
    group: "data",
    image: imageOf(options),
    user: serverUser,
    command: ["postgres", "-c", `config_file=${configFolder}/postgresql.conf`],
    environment: {
      POSTGRES_PASSWORD_FILE: `/run/secrets/${names.superuser}`,
      // Version 18 does so by itself.
      ...(options.version < 18 && { POSTGRES_INITDB_ARGS: "--data-checksums" }),
    },
    secrets: [names.superuser],
    mounts: [
      {
        kind: "volume",
        volume: names.data,
        target: dataTarget(options.version),
        readOnly: false,
      },
      socketMount(key),
      { kind: "bind", source: names.spool, target: "/wal", readOnly: false },
      ...["postgresql.conf", "pg_hba.conf", "pg_ident.conf", "archive-wal.sh"].map((file) => configMount(key, file)),
    ],
    tmpfs: [{ target: "/tmp", size: 64 * megabyte, mode: "1777" }],
    networks: [key],
    healthcheck: {
      // Over TCP: while the image sets up an empty volume its server listens on the socket alone. Nobody logs in, so
      // the role need not exist; the superuser would be refused with a line in the log each time.
      test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", "health", "-d", "postgres"],
      startPeriod: 120_000,
      retries: 5,
    },
    limits: { ...options.limits, pids: Math.max(options.limits.pids, derived.maxConnections + 64) },
    // Room for a last checkpoint of a busy server.
    stopGracePeriod: 90_000,
    shmSize: derived.shm,
  };
}

/** Brings roles, passwords and databases in line with stack.yaml and secrets/, each time the stack is started. */
export function setupService(key: string, options: PostgresOptions, passwords: readonly string[]): ServiceNeeds {
  const names = namesOf(key);
  return {
    name: names.setup,
    about: `Makes the databases of ${key} and their roles, then ends`,
    group: "data",
    class: "one-shot",
    image: imageOf(options),
    user: serverUser,
    entrypoint: ["psql"],
    command: ["--no-psqlrc", "--quiet", "--tuples-only", `--file=${configFolder}/setup.sql`],
    environment: { PGHOST: socketFolder, PGUSER: "postgres", PGDATABASE: "postgres" },
    secrets: [...passwords],
    mounts: [socketMount(key), configMount(key, "setup.sql")],
    tmpfs: [{ target: "/tmp", size: 16 * megabyte, mode: "1777" }],
    // It talks to the server over the socket.
    networks: [],
    dependsOn: [{ service: key, condition: "service_healthy" }],
    limits: { cpus: 0.5, memory: 64 * megabyte, pids: 32 },
  };
}

/** The server's Unix socket. Whoever mounts it and runs as the image's user is the superuser: set-up alone. */
function socketMount(key: string): Mount {
  return { kind: "volume", volume: namesOf(key).socket, target: socketFolder, readOnly: false };
}

function configMount(key: string, file: string): Mount {
  return { kind: "bind", source: `${namesOf(key).config}/${file}`, target: `${configFolder}/${file}`, readOnly: true };
}
