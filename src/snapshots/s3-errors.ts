import { messageOf, type StackError, systemCode } from "../support/errors.ts";
import { type StoreErrorCode, storeError } from "./store-errors.ts";

/** What went wrong with one request, and whether making it again can help. */
export interface S3Failure {
  code: StoreErrorCode;
  /** In plain words, without the name of the store and the key. */
  reason: string;
  hint?: string;
  /** It may be over in a moment: an overloaded server, a broken connection. */
  passing: boolean;
}

interface Kind {
  names: string[];
  failure: S3Failure;
}

const network = "check the endpoint in stack.yaml and the network of this host, then: ./prod.sh backup doctor";
const again = "look at the destination: ./prod.sh backup doctor";
const rightKey = "check access key and secret key of this destination, then: ./prod.sh backup doctor";

/** By the codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and those that MinIO (cmd/api-errors.go) and versitygw (s3err) add. */
const kinds: Kind[] = [
  {
    names: [
      "InvalidAccessKeyId",
      "InvalidToken",
      "ExpiredToken",
      "TokenRefreshRequired",
      "NotSignedUp",
      "AuthFailure",
      "XAdminUserNotFound",
    ],
    failure: {
      code: "store-credentials",
      reason: "the server does not know the access key",
      hint: rightKey,
      passing: false,
    },
  },
  {
    names: ["SignatureDoesNotMatch"],
    failure: {
      code: "store-credentials",
      reason: "the secret key does not belong to the access key",
      hint: rightKey,
      passing: false,
    },
  },
  {
    names: ["NoSuchBucket"],
    failure: {
      code: "store-bucket",
      reason: "there is no such bucket",
      hint: "make the bucket at the provider, or correct its name in stack.yaml",
      passing: false,
    },
  },
  {
    names: ["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"],
    failure: {
      code: "store-region",
      reason: "the bucket is in another region",
      hint: "set the bucket's region in stack.yaml",
      passing: false,
    },
  },
  {
    // Passing, because the library sets its clock by the server's answer before the next try.
    names: ["RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"],
    failure: {
      code: "store-clock",
      reason: "the clocks of this host and of the server are too far apart",
      hint: "set this host's clock: timedatectl set-ntp true",
      passing: true,
    },
  },
  {
    names: [
      "QuotaExceeded",
      "XMinioAdminBucketQuotaExceeded",
      "XMinioStorageFull",
      "InsufficientStorage",
      "InsufficientCapacity",
    ],
    failure: {
      code: "store-full",
      reason: "no space is left for this bucket",
      hint: "raise the quota at the provider, or look at what can go: ./prod.sh backup prune --dry-run",
      passing: false,
    },
  },
  {
    names: ["AccessDenied", "AllAccessDisabled", "MethodNotAllowed"],
    failure: {
      code: "store-refused",
      reason: "these credentials may not do it",
      hint: "allow it for these credentials at the provider, then: ./prod.sh backup doctor",
      passing: false,
    },
  },
  {
    names: ["NoSuchUpload"],
    failure: { code: "store-upload-gone", reason: "the server no longer knows the upload", passing: false },
  },
  { names: ["NoSuchKey", "NotFound"], failure: { code: "store-absent", reason: "it is not there", passing: false } },
  {
    names: ["InvalidRange", "PreconditionFailed"],
    failure: { code: "store-damaged", reason: "the object is not the one that was expected", passing: false },
  },
  {
    names: ["BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentSHA256Mismatch"],
    failure: { code: "store-damaged", reason: "other bytes arrived than were sent", passing: true },
  },
  {
    names: [
      "SlowDown",
      "SlowDownRead",
      "SlowDownWrite",
      "RequestTimeout",
      "InternalError",
      "ServiceUnavailable",
      "TooManyRequests",
      "ThrottlingException",
    ],
    failure: {
      code: "store-unreachable",
      reason: "the server is overloaded or out of order",
      hint: again,
      passing: true,
    },
  },
];

/** What the network said, by the system's code. */
const networkReasons: Record<string, string> = {
  ENOTFOUND: "its host name is not known",
  EAI_AGAIN: "its host name cannot be looked up",
  ECONNREFUSED: "nothing listens there",
  EHOSTUNREACH: "there is no route to it",
  ENETUNREACH: "there is no network",
  ECONNRESET: "the connection broke",
  EPIPE: "the connection broke",
  ERR_STREAM_PREMATURE_CLOSE: "the connection broke",
  ETIMEDOUT: "no answer in time",
};

/** Trying again finds the same certificate, or the same server without one. */
const certificateCode = /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/;
const noTlsCode = /^(EPROTO|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG)$/;

/** What answers mean that say nothing but a status: those to a HEAD, and those of a proxy in between. */
const namesByStatus: Record<number, string> = {
  301: "PermanentRedirect",
  307: "PermanentRedirect",
  401: "AccessDenied",
  403: "AccessDenied",
  404: "NoSuchKey",
  408: "RequestTimeout",
  412: "PreconditionFailed",
  416: "InvalidRange",
  429: "SlowDown",
  507: "InsufficientStorage",
};

/** What any thrown thing means. Nothing of the request is taken over but the server's own code and status. */
export function failureOf(error: unknown, timedOut = false): S3Failure {
  if (timedOut) return { code: "store-unreachable", reason: "no answer in time", hint: again, passing: true };
  const { name = "", status = 0 } = described(error);
  const known = kindOf(name);
  if (known !== undefined) return known;
  if (status === 0) return networkFailure(error, name);
  // The library's name for an answer that it could not read: a proxy, or a network that asks to log in first.
  if (name === "Error" && status < 500) {
    return {
      code: "store-failed",
      reason: `what answers there is no S3 server (${status})`,
      hint: network,
      passing: false,
    };
  }
  const byStatus = kindOf(namesByStatus[status] ?? "");
  if (byStatus !== undefined && (status !== 404 || isBareName(name))) return byStatus;
  const reason = `the server answered ${status}${isBareName(name) ? "" : ` ${name}`}`;
  const passing = status >= 500 && status !== 501;
  return { code: passing ? "store-unreachable" : "store-failed", reason, hint: again, passing };
}

/** What the library calls an error that came without a code: the answer to a HEAD has no body. */
function isBareName(name: string): boolean {
  return ["", "UnknownError", "Unknown", "NotFound", "404"].includes(name);
}

function kindOf(name: string): S3Failure | undefined {
  return kinds.find(({ names }) => names.includes(name))?.failure;
}

/** True for a connection that the server closed in the middle: why may be something that it could not tell any more. */
export function isCutOff(error: unknown): boolean {
  return ["ECONNRESET", "EPIPE"].includes(systemCode(error) ?? "");
}

/** The error for the user. */
export function s3Error(failure: S3Failure, store: string, doing: string): StackError {
  return storeError(failure.code, `destination ${store}: cannot ${doing}: ${failure.reason}`, failure.hint);
}

function networkFailure(error: unknown, name: string): S3Failure {
  const code = systemCode(error) ?? "";
  if (noTlsCode.test(code)) {
    return { code: "store-certificate", reason: "it does not speak TLS there", hint: network, passing: false };
  }
  if (certificateCode.test(code)) {
    return {
      code: "store-certificate",
      reason: `its certificate is not trusted (${code})`,
      hint: "use a certificate of a known authority, or name your own in NODE_EXTRA_CA_CERTS",
      passing: false,
    };
  }
  const reason =
    networkReasons[code] ?? networkReasons[{ TimeoutError: "ETIMEDOUT", AbortError: "ECONNRESET" }[name] ?? ""];
  if (reason !== undefined) return { code: "store-unreachable", reason, hint: network, passing: true };
  // Of Node.js's HTTP parser and of TLS on the way.
  if (/^(HPE_|ERR_SSL_)/.test(code)) {
    return { code: "store-unreachable", reason: `the connection broke (${code})`, hint: network, passing: true };
  }
  return { code: "store-failed", reason: messageOf(error), hint: again, passing: false };
}

/** The library's errors carry the server's code as their name and the HTTP status beside it. */
function described(error: unknown): { name?: string; status?: number } {
  if (typeof error !== "object" || error === null) return {};
  const { name, $metadata } = error as { name?: unknown; $metadata?: { httpStatusCode?: unknown } };
  const status = $metadata?.httpStatusCode;
  return {
    ...(typeof name === "string" ? { name } : {}),
    ...(typeof status === "number" ? { status } : {}),
  };
}
