import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { localStore } from "../../snapshots/local-store.ts";
import { s3Store } from "../../snapshots/s3-store.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { BackupDestination } from "../../stack/backup-settings.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";

/** Root of the local store. */
export function backupsFolder(directory: string): string {
  return join(directory, "backups");
}

/** State of backups on this host that is no backup itself: what was checked, what is under way. */
export function backupStateFolder(directory: string): string {
  return join(directory, ".stack", "backup");
}

/**
 * The local store first, then every destination of stack.yaml, or only those that are named. A destination that has to be
 * asked again, which may take minutes, is told of once.
 */
export function openStores(
  { directory, model, progress }: Pick<Context, "directory" | "model"> & Partial<Pick<Context, "progress">>,
  names: readonly string[] = [],
): SnapshotStore[] {
  const { destinations } = model.backup;
  const told = new Set<string>();
  const tell = (name: string) => (reason: string, retries: number) => {
    if (!told.has(name)) progress?.line(`${name}: ${reason}; trying again, up to ${retries} times`);
    told.add(name);
  };
  const known = ["local", ...destinations.map(({ name }) => name)];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new StackError({
      code: "unknown-destination",
      exit: "invalidInput",
      message: `There is no destination "${unknown}" in stack.yaml`,
      hint: `known: ${known.join(", ")}`,
    });
  const wanted = (name: string) => names.length === 0 || names.includes(name);
  return [
    ...(wanted("local") ? [localStore(backupsFolder(directory))] : []),
    ...destinations
      .filter(({ name }) => wanted(name))
      .map((destination) => openDestination(directory, destination, tell(destination.name))),
  ];
}

function openDestination(
  directory: string,
  destination: BackupDestination,
  onRetry: (reason: string, retries: number) => void,
): SnapshotStore {
  return s3Store({
    name: destination.name,
    bucket: destination.bucket,
    prefix: destination.prefix,
    ...(destination.region !== undefined && { region: destination.region }),
    ...(destination.endpoint !== undefined && { endpoint: destination.endpoint }),
    ...(destination.pathStyle !== undefined && { pathStyle: destination.pathStyle }),
    ...(destination.bandwidth !== undefined && { bandwidth: destination.bandwidth }),
    credentials: async () => readCredentials(directory, destination),
    onRetry,
    stateFolder: join(backupStateFolder(directory), "uploads", destination.name),
  });
}

/** Access key and secret key of a destination: two lines, or lines such as `AWS_ACCESS_KEY_ID=…`. */
export function readCredentials(
  directory: string,
  { name, credentials }: Pick<BackupDestination, "name" | "credentials">,
): { accessKeyId: string; secretAccessKey: string; sessionToken?: string } {
  const path = join(directory, "secrets", credentials);
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const named = (key: string) => lines.find((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  const isNamed = lines.some((line) => line.startsWith("AWS_"));
  const accessKeyId = isNamed ? named("AWS_ACCESS_KEY_ID") : lines[0];
  const secretAccessKey = isNamed ? named("AWS_SECRET_ACCESS_KEY") : lines[1];
  const sessionToken = isNamed ? named("AWS_SESSION_TOKEN") : undefined;
  if (!accessKeyId || !secretAccessKey)
    throw new StackError({
      code: "secret-missing",
      exit: "secret",
      message: `secrets/${credentials} holds no keys for the destination ${name}`,
      hint: `write the access key id into the first line of secrets/${credentials} and the secret key into the second`,
    });
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}
