import type { Mount } from "./service.ts";

/** A command that runs in a container of its own, of the image that the source's service runs, for a backup or a restore. */
export interface Task {
  /** Without a shell in between. */
  command: string[];
  /** Numeric `uid:gid`. */
  user: string;
  environment?: Record<string, string>;
  /** Names of secrets, each a file at /run/secrets/<name>. */
  secrets?: string[];
  mounts?: Mount[];
  /** Networks of the stack that it needs to reach the server; none where it works on files alone. */
  networks?: string[];
}

/** How a volume is copied while its service is there. */
export type Consistency =
  /** While it is written to: what changes meanwhile is told, and copied again next time. */
  | { kind: "live" }
  /** The service's processes stand still while files are read. */
  | { kind: "pause" }
  | { kind: "stop" }
  /** A command in the running service writes what is to be copied, or freezes it; `after` runs in any case. */
  | { kind: "exec"; before: string[]; after?: string[] };

/** Something with state, and what a backup and a restore need to know of it. One kind, one file in operations/backup. */
export type DataSource = {
  /** Unique in the stack: a folder name in every store. */
  name: string;
  component: string;
  service: string;
  /** Name in the model of the volume that holds it. */
  volume: string;
  /**
   * Services with volumes that are made of what this one holds (replicas, and who is what among them). A restore stops them
   * too and gives them empty volumes, which they fill again by themselves; its undo brings the old ones back.
   */
  follows?: { service: string; volume: string }[];
} & (
  | {
      kind: "postgres";
      databases: string[];
      /** Volume with the server's Unix socket, over which the image's own user is the superuser. */
      socketVolume: string;
      /** Folder of the stack's directory into which the server puts finished segments of its write-ahead log. */
      spool: string;
      /** Where the service mounts `volume`. */
      target: string;
      /** PGDATA inside the container. */
      dataFolder: string;
      /** Numeric `uid:gid` of the server. */
      user: string;
    }
  | {
      /** A server that can write all it holds into files, and be filled from them: Redis. A new one joins by this data alone. */
      kind: "dump";
      /** What the files below /backup are, for the runbook: "`dump.rdb`: what the server writes when it saves". */
      parts: string;
      /** What `check` and `load` do, for whoever types them: "the server's own checker, and the file put where the server reads it". */
      doing: string;
      /** Services that hold the same: where `service` does not run, the first of them that does is asked in its place. */
      standIns?: string[];
      /** Writes the content of the running server into files below /backup. */
      capture: Task;
      /** Looks at the files below /backup, read-only, with the server's own checker; may print `count {"keys": 3}`: what they hold. */
      check: Task;
      /** Makes the content of a new, empty volume, mounted at `target`, of the files below /backup. */
      load: Task;
      /**
       * Run inside a running server, the live one and a restored one; prints one JSON object of numbers (`{"keys": 3}`)
       * that are the same when nothing is lost. `expiring`: how many of `keys` are going to go by themselves.
       */
      count: string[];
      target: string;
    }
  | {
      /** A server that speaks S3. */
      kind: "object-store";
      port: number;
      network: string;
      /** Secrets with the root user's name and password. */
      userSecret: string;
      passwordSecret: string;
      target: string;
      /** It has no client of MinIO in its image but curl, with which it is filled where this program is not. */
      client?: "curl";
    }
  | { kind: "volume"; consistency: Consistency }
);

export type DataSourceOf<Kind extends DataSource["kind"]> = Extract<DataSource, { kind: Kind }>;

/** State that is left out of backups on purpose, so that nobody takes it for forgotten. */
export interface Unprotected {
  name: string;
  component: string;
  reason: string;
}
