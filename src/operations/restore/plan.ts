import type { Catalogue } from "../../snapshots/catalogue.ts";
import type { SnapshotStore } from "../../snapshots/store.ts";
import type { DataSource } from "../../stack/data-source.ts";
import { withDependents } from "../../stack/dependents.ts";
import { StackError } from "../../support/errors.ts";
import { formatSize } from "../../support/units.ts";
import { catalogueOf } from "../backup/catalogue-of.ts";
import { unknownSource } from "../backup/kinds-unknown.ts";
import { openStores } from "../backup/stores.ts";
import type { Context } from "../context.ts";
import { type Plan, type Step, step } from "../plan.ts";
import { followersOf } from "./follow.ts";
import { dumpedIn } from "./postgres-database.ts";
import { checkDatabase } from "./postgres-refuse.ts";
import { type Chosen, checkSnapshotName, choose, parseMoment } from "./select.ts";

export interface RestoreOptions {
  /** `latest` (default), the id of a snapshot or of a run. */
  snapshot?: string;
  /** RFC 3339 with its zone. */
  at?: string;
  /** `SOURCE`, or `SOURCE/DATABASE` for one database of a server. */
  only?: readonly string[];
  /** Leave the live data alone: restore into a volume or database of this name. */
  into?: string;
  /** Only from this store. */
  on?: string;
  /** File with private keys. */
  key?: string;
  /** Stores beyond those of stack.yaml: the bucket that an empty host is restored from. */
  stores?: readonly SnapshotStore[];
  wait?: number;
  /** Version of create-stack, for the backup that is made afterwards. */
  version: string;
}

/** One thing to be brought back. */
export interface RestoreItem {
  source: DataSource;
  chosen: Chosen;
  /** One database of the server, instead of all of it. */
  database?: string;
  /** Milliseconds since 1970. */
  at?: number;
}

export interface RestorePlan {
  plan: Plan;
  items: RestoreItem[];
  /** Services that stand still while volumes are swapped. */
  stops: string[];
}

/** Looks at what is there and says what a restore would do. Changes nothing. */
export async function planRestore(context: Context, options: RestoreOptions): Promise<RestorePlan> {
  checkSnapshotName(options.snapshot);
  const at = options.at === undefined ? undefined : parseMoment(options.at, context.clock.now());
  const stores = storesOf(context, options).filter(({ name }) => options.on === undefined || name === options.on);
  const catalogues = await readAll(context, stores);
  const targets = targetsOf(context.model.dataSources, options.only ?? []);
  const found = targets.map(({ source, database }) => ({
    source,
    database,
    chosen: choose(source, catalogues, {
      ...(options.snapshot && { snapshot: options.snapshot }),
      ...(at !== undefined && { at }),
    }),
  }));
  const items = found.flatMap(({ source, database, chosen }): RestoreItem[] =>
    chosen === undefined ? [] : [{ source, chosen, ...(database && { database }), ...(at !== undefined && { at }) }],
  );
  const lacking = found.filter(({ chosen }) => chosen === undefined).map(({ source }) => source.name);
  const named = options.snapshot !== undefined && options.snapshot !== "latest";
  // A snapshot that was named is of one source; without a name every source must have one.
  if (items.length === 0 || (lacking.length > 0 && !named)) throw nothingToRestore(lacking, options, catalogues);
  refuseInto(items, options.into);
  for (const item of items) await refuseDatabaseOf(context, item, options.into);
  const stops = options.into === undefined ? servicesToStop(context, items) : [];
  return { items, stops, plan: { operation: "restore", steps: stepsOf(items, stops, options) } };
}

/** Where snapshots are looked for. */
export function storesOf(context: Context, { stores, on }: Pick<RestoreOptions, "stores" | "on">): SnapshotStore[] {
  if (on !== undefined) openStores(context, [on]);
  return [...openStores(context), ...(stores ?? [])];
}

/** Catalogues of the stores that answer; where a store was named it has to. */
async function readAll(context: Context, stores: readonly SnapshotStore[]): Promise<Catalogue[]> {
  const read = await Promise.allSettled(stores.map((store) => catalogueOf(context, store)));
  // Whoever broke off asks for no plan of what could be read until then.
  context.signal.throwIfAborted();
  const catalogues = read.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  for (const [index, result] of read.entries())
    if (result.status === "rejected")
      context.progress.line(
        `warning: ${stores[index]?.name} cannot be read: ${String(result.reason?.message ?? result.reason)}`,
      );
  const [failed] = read.filter((result) => result.status === "rejected");
  if (catalogues.length === 0 && failed !== undefined) throw failed.reason;
  return catalogues;
}

interface Target {
  source: DataSource;
  database?: string;
}

function targetsOf(sources: readonly DataSource[], only: readonly string[]): Target[] {
  if (only.length === 0) return sources.map((source) => ({ source }));
  return only.map((text) => {
    const [name = "", database] = text.split("/");
    const source = sources.find((candidate) => candidate.name === name);
    const names = sources.map((candidate) => candidate.name);
    if (source === undefined) throw unknownSource(name, names);
    if (database === undefined) return { source };
    if (source.kind !== "postgres")
      throw unknown(`${name} has no databases that are restored one by one`, `--only ${name}`);
    return { source, database };
  });
}

function unknown(message: string, hint: string): StackError {
  return new StackError({ code: "unknown-source", exit: "invalidInput", message, hint });
}

function nothingToRestore(
  lacking: readonly string[],
  { snapshot, at }: RestoreOptions,
  catalogues: readonly Catalogue[],
): StackError {
  const what = snapshot !== undefined && snapshot !== "latest" ? `${snapshot} ` : "";
  const when = at === undefined ? "" : ` from before ${at}`;
  const stores = catalogues.map(({ store }) => store).join(", ");
  return new StackError({
    code: "nothing-to-restore",
    exit: "backupFailed",
    message: `There is no whole snapshot ${what}of ${lacking.join(", ") || "any source"}${when} in ${stores}`,
    hint: "./prod.sh backup list shows what there is; to leave a source out, name the others with --only",
  });
}

function refuseInto(items: readonly RestoreItem[], into: string | undefined): void {
  if (into === undefined) return;
  if (items.length !== 1) throw unknown("--into takes one source", "say which: --only SOURCE --into NAME");
  if (/^[a-z][a-z0-9_.-]{0,62}$/.test(into)) return;
  throw unknown(`"${into}" cannot be the name of a volume or database`, "use lower-case letters, digits, _ and -");
}

/** What is known to stand against one database is said before its server is fetched. */
async function refuseDatabaseOf(context: Context, { source, database, chosen }: RestoreItem, into: string | undefined) {
  if (database === undefined || source.kind !== "postgres") return;
  const { manifest } = chosen.entry;
  // A base does not say what was made after it and stands in the log.
  if (manifest.type === "dump") dumpedIn({ manifest }, database);
  await checkDatabase(context, source, { database, ...(into !== undefined && { into }) });
}

/** What takes the place of a live volume: not what goes into one database of a server that serves on. */
function wholeSources(items: readonly RestoreItem[]): DataSource[] {
  return items.filter(({ database }) => database === undefined).map(({ source }) => source);
}

/**
 * Whoever has one of the volumes, or one that is emptied along, and whoever depends on it: in the middle of a swap
 * nobody may write.
 */
export function servicesToStop({ model }: Pick<Context, "model">, items: readonly RestoreItem[]): string[] {
  const sources = wholeSources(items);
  const volumes = new Set([...sources, ...followersOf(sources)].map(({ volume }) => volume));
  const users = model.services.filter(({ mounts }) =>
    mounts.some((mount) => mount.kind === "volume" && volumes.has(mount.volume)),
  );
  const stopped = withDependents(
    model.services,
    users.map(({ name }) => name),
  );
  return model.services
    .filter((service) => service.class === "long-running" && stopped.has(service.name))
    .map(({ name }) => name);
}

function stepsOf(items: readonly RestoreItem[], stops: readonly string[], { into }: RestoreOptions): Step[] {
  const loads = items.map((item) => {
    const { source, chosen, database } = item;
    const { manifest } = chosen.entry;
    const bytes = chosen.chain.reduce((sum, entry) => sum + entry.bytes, 0);
    const opened = manifest.encryption === "none" ? "" : ", opened with the private key (--key FILE)";
    return step(
      "load",
      database === undefined ? source.name : `${source.name}/${database}`,
      `snapshot ${manifest.id} from ${chosen.store} (${formatSize(bytes)})${opened}, ${momentOf(item)}, into a new ${database === undefined ? "volume" : "database"}, and check it there`,
    );
  });
  if (into !== undefined) return [...loads, step("keep", into, "the live data stays as it is")];
  const swaps = items.map(({ source, database }) =>
    step(
      "swap",
      database === undefined ? source.name : `${source.name}/${database}`,
      "the restored copy takes the place of the live one, which is kept",
    ),
  );
  const emptied = followersOf(wholeSources(items)).map(({ service, volume }) =>
    step("empty", volume, `${service} fills it again from what is restored; what is in it now is kept`),
  );
  return [
    ...loads,
    ...(stops.length > 0 ? [step("stop", stops.join(", "), "nobody may write meanwhile")] : []),
    ...swaps,
    ...emptied,
    ...(stops.length > 0 ? [step("start", stops.join(", "), "until healthy")] : []),
  ];
}

/** Of which moment the data is: a log goes on to the one that was asked for, a copy has its own. */
function momentOf({ source, chosen, at }: RestoreItem): string {
  const { type, pointInTime } = chosen.entry.manifest;
  if (source.kind !== "postgres" || type !== "base") return `of ${pointInTime}`;
  return at === undefined ? "and its log to the end" : `and its log to ${new Date(at).toISOString()}`;
}
