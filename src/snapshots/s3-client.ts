import type { S3Client } from "@aws-sdk/client-s3";
import { type Clock, systemClock } from "../support/clock.ts";
import { StackError } from "../support/errors.ts";
import { failureOf, isCutOff, type S3Failure, s3Error } from "./s3-errors.ts";
import type { library } from "./s3-library.ts";
import { defaultRetries, defaultTimeLimits, rootOf, type S3StoreOptions, type S3TimeLimits } from "./s3-options.ts";
import { pause, withTimeLimit } from "./s3-retry.ts";
import { type Throttle, throttle } from "./throttle.ts";

export type Sdk = typeof library;

/** What a request is made with. */
export interface S3Call {
  client: S3Client;
  sdk: Sdk;
  /** Ends with the request's time limit and with the caller's signal. */
  signal: AbortSignal;
}

export interface S3Request {
  /** What cannot be done when it fails: `store snapshots/…`. */
  doing: string;
  signal?: AbortSignal;
  /** Milliseconds; that of the store where nothing is said. */
  timeLimit?: number;
  /** How often it is made again; that of the store where nothing is said. */
  retries?: number;
}

/** One bucket, as seen with one set of credentials. The library is loaded with the first request. */
export interface S3Session {
  readonly name: string;
  /** Endpoint, empty at AWS. */
  readonly server: string;
  readonly bucket: string;
  /** In front of every key of the store. */
  readonly root: string;
  readonly retries: number;
  readonly clock: Clock;
  readonly timeLimits: S3TimeLimits;
  readonly throttle: Throttle;
  /** Makes a request, and again as long as that can help. Rejects with a StackError, or with the signal's reason. */
  request<Result>(request: S3Request, send: (call: S3Call) => Promise<Result>): Promise<Result>;
  clockSkew(): number | undefined;
}

/** A source of bytes that cannot be read: no fault of the store, and no reason to try again. */
export class SourceBroken extends Error {
  constructor(cause: unknown) {
    super("the source cannot be read", { cause });
  }
}

export function s3Session(options: S3StoreOptions): S3Session {
  const { name, bucket, clock = systemClock, retries = defaultRetries, onRetry = nothing } = options;
  const timeLimits = { ...defaultTimeLimits, ...options.timeLimits };
  let skew: number | undefined;
  let connected: Promise<{ client: S3Client; sdk: Sdk }> | undefined;
  const connect = () => {
    connected ??= makeClient(options, timeLimits, (milliseconds) => {
      skew = milliseconds;
    });
    return connected;
  };
  const session: S3Session = {
    name,
    server: options.endpoint ?? "",
    bucket,
    root: rootOf(options.prefix),
    retries,
    clock,
    timeLimits,
    throttle: throttle(options.bandwidth, clock),
    clockSkew: () => skew,
    async request({ doing, signal, timeLimit = timeLimits.request, retries: allowed = retries }, send) {
      const connection = await connect();
      for (let failures = 0; ; ) {
        signal?.throwIfAborted();
        const outcome = await attempt(timeLimit, signal, (inner) => send({ ...connection, signal: inner }));
        if ("result" in outcome) return outcome.result;
        failures += 1;
        const seen = outcome.cutOff ? await explained(connection, session, outcome.failure) : outcome.failure;
        const failure = placed(seen, options);
        // The library corrects its clock by the first answer: the second one is final.
        const final = failure.code === "store-clock" && failures > 1;
        if (!failure.passing || final || failures > allowed) throw s3Error(failure, name, doing);
        onRetry(failure.reason, allowed);
        await pause(clock, failures, signal);
      }
    },
  };
  return session;
}

/** What the network says is said of a server, which the reader may have mistyped. */
function placed(failure: S3Failure, { endpoint }: S3StoreOptions): S3Failure {
  const ofServer = failure.code === "store-unreachable" || failure.code === "store-certificate";
  const host = ofServer && endpoint !== undefined ? hostOf(endpoint) : undefined;
  return host === undefined ? failure : { ...failure, reason: `${failure.reason} (${host})` };
}

function hostOf(endpoint: string): string | undefined {
  return URL.canParse(endpoint) ? new URL(endpoint).host : undefined;
}

type Outcome<Result> = { result: Result } | { failure: S3Failure; cutOff: boolean };

async function attempt<Result>(
  limit: number,
  signal: AbortSignal | undefined,
  send: (signal: AbortSignal) => Promise<Result>,
): Promise<Outcome<Result>> {
  return withTimeLimit(limit, signal, async (inner, timedOut) => {
    try {
      return { result: await send(inner) };
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof SourceBroken) throw error.cause;
      if (error instanceof StackError) throw error;
      return { failure: failureOf(error, timedOut()), cutOff: isCutOff(error) };
    }
  });
}

/**
 * A server that refuses a request while its body is still on the way closes the connection, and the refusal is lost.
 * A request without a body tells what the matter is, where it is something that stays.
 */
async function explained(
  connection: { client: S3Client; sdk: Sdk },
  session: S3Session,
  seen: S3Failure,
): Promise<S3Failure> {
  const { bucket, root, timeLimits } = session;
  const stays = ["store-credentials", "store-bucket", "store-region", "store-full"];
  const outcome = await attempt(timeLimits.connect, undefined, (abortSignal) =>
    connection.client.send(new connection.sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: root, MaxKeys: 1 }), {
      abortSignal,
    }),
  );
  return "failure" in outcome && stays.includes(outcome.failure.code) ? outcome.failure : seen;
}

async function makeClient(
  options: S3StoreOptions,
  timeLimits: S3TimeLimits,
  onSkew: (milliseconds: number) => void,
): Promise<{ client: S3Client; sdk: Sdk }> {
  const { library: sdk } = await import("./s3-library.ts");
  const { endpoint, region = "us-east-1", pathStyle = endpoint !== undefined } = options;
  const client = withoutVersionWarning(
    () =>
      new sdk.S3Client({
        region,
        ...(endpoint === undefined ? {} : { endpoint }),
        forcePathStyle: pathStyle,
        credentials: options.credentials,
        // Tries again are made here, where they are counted, spread and called off.
        maxAttempts: 1,
        // The library's own checksums (CRC32 in a trailer) are refused by R2, B2, Ceph and older MinIO
        // (https://github.com/aws/aws-sdk-js-v3/issues/6810, #6819); Content-MD5 is sent instead and known to all.
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
        // What went wrong is told by the error that is thrown.
        logger: silent,
        // With it the library opens a new connection for every part.
        expectContinueHeader: false,
        // Without limits a silent server is waited for without end (https://github.com/aws/aws-sdk-js-v3/issues/6763).
        requestHandler: new sdk.NodeHttpHandler({
          connectionTimeout: timeLimits.connect,
          socketTimeout: timeLimits.idle,
          socketAcquisitionWarningTimeout: 2 ** 30,
        }),
      }),
  );
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args).catch((error: unknown) => {
        noteSkew((error as { $response?: unknown }).$response, onSkew);
        throw error;
      });
      noteSkew(result.response, onSkew);
      return result;
    },
    { step: "deserialize", priority: "low", name: "clockOfServer" },
  );
  return { client, sdk };
}

const nothing = () => {};
const silent = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing };

/** `Date` says whole seconds, on average half a second ago. */
function noteSkew(response: unknown, onSkew: (milliseconds: number) => void): void {
  const { headers } = (response ?? {}) as { headers?: Record<string, string> };
  const date = Date.parse(headers?.date ?? "");
  if (!Number.isNaN(date)) onSkew(date + 500 - Date.now());
}

/** On Node.js 20 the library prints a note about its own future versions; what is built in here does not change. */
function withoutVersionWarning<Result>(make: () => Result): Result {
  const variable = "AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED";
  const before = process.env[variable];
  process.env[variable] = "true";
  try {
    return make();
  } finally {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  }
}
