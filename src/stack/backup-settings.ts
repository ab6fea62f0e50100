/** When something runs: a cron line of five fields. */
export interface BackupSchedule {
  full: string;
  dump: string;
  increment: string;
  drill: string;
  /** IANA name: `Europe/Berlin`. */
  timezone: string;
  /** Milliseconds; a run begins up to this much later, so that not every server in the world begins at 02:00. */
  jitter: number;
}

/** An S3 bucket that snapshots are delivered to. */
export interface S3Destination {
  name: string;
  type: "s3";
  bucket: string;
  region?: string;
  endpoint?: string;
  /** Folder in the bucket, without slashes at its ends. */
  prefix: string;
  pathStyle?: boolean;
  /** Secret: a file with the access key id in its first line and the secret key in its second, or with AWS_… lines. */
  credentials: string;
  /** Bytes per second. */
  bandwidth?: number;
  /** Milliseconds; undefined: as `keep.remote`. */
  keep?: number;
  /** Nothing is ever removed there: the bucket's own rules do that. */
  appendOnly: boolean;
}

export type BackupDestination = S3Destination;

/** How the stack is backed up. */
export interface BackupSettings {
  schedule: BackupSchedule;
  /** Milliseconds, and how many checked sets are kept however old. */
  keep: { local: number; remote: number; frequent: number; atLeast: number };
  encrypt: { kind: "none" } | { kind: "age"; recipients: string[] } | { kind: "gpg"; keys: string[] };
  destinations: BackupDestination[];
  /** Milliseconds: how much may be lost, how long a restore may take. */
  rpo: number;
  rto: number;
  /** Who is told of each run: `ping` and `webhook` are secrets that hold an address. */
  report: {
    /** Requested after a run in which everything went well, and only then. */
    ping?: string;
    /** Gets a JSON document for each run. */
    webhook?: string;
    /** Folder below the stack's directory, or absolute, where a Prometheus textfile is written. */
    textfile?: string;
  };
  /** Image with GNU tar and zstd, for the archives of volumes. */
  toolbox: string;
}
