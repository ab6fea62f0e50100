import type { SnapshotManifest, SnapshotType } from "../../snapshots/manifest.ts";
import type { DataSource, DataSourceOf } from "../../stack/data-source.ts";
import type { Context } from "../context.ts";
import type { Journal } from "../journal.ts";

/** The stack's own files: stack.yaml, generated files, secrets, image digests. */
export interface StackSource {
  name: "stack";
  kind: "stack";
  component: string;
  service: string;
}

/** Everything that is backed up. */
export type AnySource = DataSource | StackSource;

/** What a run is for: everything, the logical dumps, or what changed. */
export type Lane = "full" | "dump" | "increment";

/** What a producer is given. */
export interface ProduceJob<Source extends AnySource> {
  context: Context;
  journal: Journal;
  source: Source;
  type: SnapshotType;
  /** Id of the snapshot that is being made. */
  id: string;
  /** Absolute path of an empty folder below backups/ that any user may write to; parts are left there, readable by all. */
  staging: string;
  /** Absolute path of a folder that is kept between runs, for this source alone: what an increment needs to remember. */
  memory: string;
  /** Checked snapshots of this source in the local store, oldest first. */
  earlier: readonly SnapshotManifest[];
}

/** A file that a producer has left in the staging folder, as counted and hashed inside its container. */
export interface ProducedPart {
  name: string;
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** Objects beside the snapshot's folder that it needs: they are kept once and shared by snapshots. */
export interface SharedObject {
  /** Key in every store: `objects/minio/ab/…`. */
  key: string;
  /** Absolute path of its file, in the staging folder; left out where the local store has it already. */
  file?: string;
}

/** What a producer has made. */
export interface Produced {
  parts: ProducedPart[];
  parent?: string;
  /** Milliseconds since 1970: the moment of the data. */
  pointInTime: number;
  image?: { reference: string; id: string; digests: string[] };
  facts: Record<string, unknown>;
  warnings: string[];
  /** `objectsPart`: the part (`objects.txt.gz`) with the keys of all objects, one a line; gzip, which the supervisor reads by itself. */
  shared?: { objects: SharedObject[]; objectsPart: string };
  /**
   * Parts must not be readable by whoever has the store: they hold secrets. They are encrypted before they reach even the
   * local store; without recipients there is no snapshot.
   */
  confidential?: true;
}

/** The answer of a check: what was looked at, and what is wrong with it. */
export interface Checked {
  ok: boolean;
  /** One line for people: `base.tar.zst: 1,234 files agree with the server's manifest`. */
  detail: string;
}

/** What is needed to look at the parts of a snapshot, or to load them. */
export interface PartsJob<Source extends AnySource> {
  context: Context;
  source: Source;
  /** The snapshot and all that it builds on, oldest first. Of one that stands alone: only itself. */
  chain: readonly { manifest: SnapshotManifest; folder: string }[];
}

/** What a restore or a drill gives to the kind: load the chain into new volumes and look at what came out. */
export interface LoadJob<Source extends AnySource> extends PartsJob<Source> {
  /** Short, unique: part of the names of containers and volumes. */
  id: string;
  /** Milliseconds since 1970; where the kind can go to a moment. Undefined: the newest that there is. */
  at?: number;
  /** Shared objects or WAL, fetched and readable, by key in the store. Resolves with an absolute path below `shared`. */
  shared: string;
  fetchShared(keys: readonly string[]): Promise<void>;
  listShared(prefix: string): Promise<{ key: string; bytes: number; modifiedAt: number }[]>;
  /** Makes a new, empty volume and returns its name in the engine; labelled, so that it is found and removed if this dies. */
  newVolume(purpose: string): Promise<string>;
  /** `deep`: everything that can be looked at (a drill); `quick`: enough to know that it is whole (before a swap). */
  depth: "quick" | "deep";
}

/** What loading has made: volumes whose content is to take the place of the live ones. Nothing runs on them any more. */
export interface Loaded {
  /** Engine's name of the new volume, and name in the model of the one that it replaces. */
  volumes: { restored: string; replaces: string }[];
  checks: Checked[];
  /** Milliseconds since 1970 of the last change that is in it, where it is known. */
  reached?: number;
  facts: Record<string, unknown>;
}

/**
 * One kind of data source: all that differs between them. A new component joins by a DataSource of a kind that exists;
 * a new kind is one file and one line in kinds-table.ts.
 */
export interface SourceKind<Source extends AnySource> {
  /** Which snapshots a lane makes of the source, now. None: this lane is nothing for it, or another way does it (WAL). */
  plan(lane: Lane, source: Source, earlier: readonly SnapshotManifest[]): SnapshotType[];
  produce(job: ProduceJob<Source>): Promise<Produced>;
  /** Looks at the parts with the server's own checker or the archive's, without restoring. */
  check(job: PartsJob<Source>): Promise<Checked>;
  load(job: LoadJob<Source>): Promise<Loaded>;
}

export type SourceKinds = { [Kind in DataSource["kind"]]: SourceKind<DataSourceOf<Kind>> } & {
  stack: SourceKind<StackSource>;
};
