import type { DataSource, DataSourceOf, Task } from "../stack/data-source.ts";
import type { StackModel } from "../stack/model.ts";
import { shellLine } from "../support/shell-line.ts";
import { encryptionValues, urlOf, volumeInDocker } from "./handbook-backups.ts";
import { sourcesOf } from "./handbook-restore.ts";
import { code } from "./handbook-text.ts";

/** What it takes to bring data back with ordinary tools, as values for the page's template. */
export function byHandValues(model: StackModel): Record<string, unknown> {
  const volumes = [...new Set(model.dataSources.map(({ volume }) => volumeInDocker(model, volume)))];
  const encryption = encryptionValues(model);
  const opening = encryption.age ? ["age"] : encryption.gpg ? ["gpg"] : [];
  const fetching = model.backup.destinations.length > 0 ? ["one client for S3"] : ["rsync"];
  return {
    name: model.name,
    ...encryption,
    tools: ["Docker", "tar", "jq", ...opening, ...fetching].join(", "),
    typed: encryption.age ? "" : encryption.gpg ? ", with age in place of gpg" : ", with copies that are encrypted",
    plainStack: model.backup.encrypt.kind === "none",
    ...destinationValues(model),
    folders: foldersOf(model),
    storeFolders: storeFolders(model),
    postgres: sourcesOf(model, "postgres").map((source) => postgresValues(model, source)),
    dumps: sourcesOf(model, "dump").map((source) => dumpValues(model, source)),
    hasObjects: sourcesOf(model, "object-store").length > 0,
    objectStores: objectStoresOf(model, undefined),
    otherObjectStores: objectStoresOf(model, "curl"),
    volumes: sourcesOf(model, "volume").map((source) => ({
      name: source.name,
      volume: volumeInDocker(model, source.volume),
      toolbox: model.backup.toolbox,
    })),
    toolbox: model.backup.toolbox,
    volumeNames: volumes.map(code).join(", "),
    firstVolume: volumes[0] ?? "",
  };
}

/** The first destination: how its objects are fetched with other clients. */
function destinationValues({ backup }: StackModel): Record<string, unknown> {
  const [first] = backup.destinations;
  if (first === undefined) return { destination: false };
  const { name, bucket, prefix, endpoint, region } = first;
  const settings = {
    RCLONE_S3_PROVIDER: endpoint === undefined ? "AWS" : "Other",
    RCLONE_S3_ENV_AUTH: "true",
    ...(endpoint !== undefined && { RCLONE_S3_ENDPOINT: endpoint }),
    ...(region !== undefined && { RCLONE_S3_REGION: region }),
  };
  return {
    destination: { name, bucket, prefix, url: urlOf(first) },
    rclone: Object.entries(settings)
      .map(([key, value]) => `${key}=${value}`)
      .join(" "),
    awsOptions: `${endpoint === undefined ? "" : ` --endpoint-url ${endpoint}`}${region === undefined ? "" : ` --region ${region}`}`,
    mcEndpoint: endpoint ?? `https://s3.${region ?? "us-east-1"}.amazonaws.com`,
  };
}

/** Folders that containers need and that are in no copy. What only the owner may enter comes first. */
function foldersOf({ folders }: StackModel): { path: string; mode: string }[] {
  if (folders.length === 0) return [];
  const all = [{ path: "backups", mode: 0o700 }, ...folders];
  return all.map(({ path, mode }) => ({ path, mode: mode.toString(8) }));
}

/** The folders of the local store that this stack has. */
function storeFolders(model: StackModel): string {
  const has = (kind: DataSource["kind"]) => model.dataSources.some((source) => source.kind === kind);
  return ["snapshots", ...(has("object-store") ? ["objects"] : []), ...(has("postgres") ? ["wal"] : [])]
    .map((folder) => `backups/${folder}`)
    .join(" ");
}

function imageOf(model: StackModel, service: string): string {
  return model.services.find(({ name }) => name === service)?.image ?? "IMAGE";
}

function postgresValues(model: StackModel, source: DataSourceOf<"postgres">): Record<string, unknown> {
  const [database] = source.databases;
  return {
    name: source.name,
    stack: model.name,
    service: source.service,
    setup: model.services.find(({ name }) => name === `${source.service}-setup`)?.name ?? "SETUP",
    image: imageOf(model, source.service),
    volume: volumeInDocker(model, source.volume),
    socket: volumeInDocker(model, source.socketVolume),
    target: source.target,
    dataFolder: source.dataFolder,
    user: source.user,
    databases: source.databases.length > 0 && source.databases,
    database: database ?? "",
  };
}

function dumpValues(model: StackModel, source: DataSourceOf<"dump">): Record<string, unknown> {
  const binds = (task: Task) => (task.mounts ?? []).flatMap((mount) => (mount.kind === "bind" ? [mount] : []));
  const mounts = (task: Task) =>
    binds(task)
      .map((mount) => ` -v "$PWD/${mount.source}":${mount.target}:ro`)
      .join("");
  const [checkProgram = "", ...checkWords] = source.check.command;
  const [loadProgram = "", ...loadWords] = source.load.command;
  return {
    name: source.name,
    image: imageOf(model, source.service),
    volume: volumeInDocker(model, source.volume),
    target: source.target,
    user: source.load.user,
    toolbox: model.backup.toolbox,
    parts: source.parts,
    doing: source.doing,
    script: binds(source.load)[0]?.source ?? "",
    checkMounts: mounts(source.check),
    checkProgram,
    checkWords: shellLine(checkWords),
    loadMounts: mounts(source.load),
    loadProgram,
    loadWords: shellLine(loadWords),
  };
}

/** S3 servers by the client that their image has inside. */
function objectStoresOf(model: StackModel, client: DataSourceOf<"object-store">["client"]): Record<string, unknown>[] {
  return sourcesOf(model, "object-store")
    .filter((source) => source.client === client)
    .map((source) => objectStoreValues(model, source));
}

function objectStoreValues(model: StackModel, source: DataSourceOf<"object-store">): Record<string, unknown> {
  return {
    name: source.name,
    image: imageOf(model, source.service),
    volume: volumeInDocker(model, source.volume),
    stack: model.name,
    user: model.services.find(({ name }) => name === source.service)?.user ?? "0:0",
    target: source.target,
    service: source.service,
    network: source.network,
    health: healthLine(model.services.find(({ name }) => name === source.service)?.healthcheck?.test ?? []),
    port: source.port,
    userSecret: source.userSecret,
    passwordSecret: source.passwordSecret,
    toolbox: model.backup.toolbox,
    parts:
      "`index.jsonl.gz`: a line of JSON for each bucket and each version of an object; `objects.txt.gz`: the objects below that it needs",
  };
}

/** What `docker exec` runs to see whether a server can serve. */
function healthLine([kind, ...words]: readonly string[]): string {
  return shellLine(kind === "CMD-SHELL" ? ["sh", "-c", ...words] : words);
}
