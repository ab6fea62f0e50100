import type { Clock } from "../support/clock.ts";

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

/** Milliseconds after which a server that says nothing counts as gone. */
export interface S3TimeLimits {
  /** Until a connection stands. */
  connect: number;
  /** Without a byte in either direction. */
  idle: number;
  /** For a request as a whole, and for the slack of a part beyond its bytes. */
  request: number;
}

export interface S3StoreOptions {
  /** Name of the destination in stack.yaml. */
  name: string;
  bucket: string;
  /** `us-east-1` where nothing is said: servers other than AWS take it or ignore it. */
  region?: string;
  /** URL of a server that is not AWS. */
  endpoint?: string;
  /** Where in the bucket the store begins: `prod/`. A missing slash at the end is added; empty is the whole bucket. */
  prefix: string;
  /** `endpoint/bucket/key` instead of `bucket.endpoint/key`. True where an endpoint is given. */
  pathStyle?: boolean;
  /** Asked when the first request is made. */
  credentials: () => Promise<S3Credentials>;
  /** Bytes per second that uploads may use, all together. */
  bandwidth?: number;
  /** Folder on this host that remembers uploads in parts, so that they go on after a crash. Holds no secret. */
  stateFolder: string;
  /** Smallest size of a part, bytes. Servers refuse less than 5 MiB. */
  partSize?: number;
  /** How often a request is made again. */
  retries?: number;
  /** Told, each time before a request is made again, why it failed and how often it is made again at most. */
  onRetry?: (reason: string, retries: number) => void;
  timeLimits?: Partial<S3TimeLimits>;
  clock?: Clock;
}

export const defaultPartSize = 8 * 1024 ** 2;
export const defaultRetries = 8;
export const defaultTimeLimits: S3TimeLimits = { connect: 15_000, idle: 60_000, request: 300_000 };

/** The prefix of all keys: no slash in front, one at the end, or nothing. */
export function rootOf(prefix: string): string {
  const bare = prefix.replace(/^\/+|\/+$/g, "");
  return bare === "" ? "" : `${bare}/`;
}
