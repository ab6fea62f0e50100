import type { ObservedContainer } from "../../src/engine/engine.ts";
import { backupConfig, backupShape } from "../../src/stack/backup.ts";
import type { BackupSettings } from "../../src/stack/backup-settings.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import type { Migration, StackModel } from "../../src/stack/model.ts";
import type { Service } from "../../src/stack/service.ts";

/** A service of a model as small as it can be. */
export function service(name: string, parts: Partial<Service> = {}): Service {
  return {
    name,
    component: name,
    about: name,
    group: "apps",
    class: "long-running",
    image: "busybox:1.38.0",
    environment: {},
    envFiles: [],
    secrets: [],
    mounts: [],
    tmpfs: [],
    networks: [],
    ports: [],
    dependsOn: [],
    limits: { cpus: 1, memory: 64 * 1024 ** 2, pids: 64 },
    replicas: 1,
    stopGracePeriod: 10_000,
    init: false,
    nofile: 1_024,
    exceptions: [],
    ...parts,
  };
}

export function model(services: readonly Service[], parts: Partial<StackModel> = {}): StackModel {
  return {
    format: 1,
    source: "",
    name: "shop",
    services: [...services],
    volumes: [],
    networks: [],
    secrets: [],
    files: [],
    probes: [],
    routes: [],
    migrations: [],
    jobs: [],
    shortcuts: [],
    inspections: [],
    actions: [],
    hostNeeds: [],
    dataSources: [],
    unprotected: [],
    folders: [],
    backup: backupSettings(),
    notify: {},
    scrapes: [],
    alerts: [],
    consoles: [],
    ...parts,
  };
}

/** `backup:` as it is without a word in stack.yaml. */
export function backupSettings(parts: Partial<BackupSettings> = {}): BackupSettings {
  return { ...backupConfig(backupShape.parse({}), "shop"), toolbox: "postgres:18.6-trixie", ...parts };
}

/** The data of a server of Postgres 18, as a stack with one has it. */
export function postgresSource(parts: Partial<DataSourceOf<"postgres">> = {}): DataSourceOf<"postgres"> {
  return {
    name: "postgres",
    component: "postgres",
    service: "postgres",
    volume: "postgres-data",
    kind: "postgres",
    databases: ["app"],
    socketVolume: "postgres-socket",
    spool: "backups/spool/postgres",
    target: "/var/lib/postgresql",
    dataFolder: "/var/lib/postgresql/18/docker",
    user: "999:999",
    ...parts,
  };
}

/** A container of the stack `shop`, running and healthy for a minute unless said otherwise. */
export function container(service: string, parts: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${service}-id`,
    name: `shop-${service}-1`,
    service,
    oneOff: false,
    image: "busybox:1.38.0",
    imageId: "sha256:0000",
    composeHash: "",
    state: "running",
    health: "healthy",
    exitCode: 0,
    oomKilled: false,
    restarts: 0,
    startedAt: 0,
    error: "",
    healthLog: [],
    memoryLimit: 64 * 1024 ** 2,
    cpuLimit: 0,
    networks: [],
    addresses: {},
    ...parts,
  };
}

export function migration(app: string, parts: Partial<Migration> = {}): Migration {
  return { app, service: `${app}-migrate`, timeout: 60_000, needs: [], ...parts };
}
