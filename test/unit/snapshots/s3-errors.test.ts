import { describe, expect, test } from "vitest";
import { failureOf, isCutOff } from "../../../src/snapshots/s3-errors.ts";

const answered = (name: string, status: number) =>
  Object.assign(new Error("no"), { name, $metadata: { httpStatusCode: status } });
const network = (code: string, name = "Error") => Object.assign(new Error(`connect ${code}`), { name, code });

describe("what an error of S3 means", () => {
  test.each([
    [answered("InvalidAccessKeyId", 403), "store-credentials", false],
    [answered("XAdminUserNotFound", 404), "store-credentials", false],
    [answered("SignatureDoesNotMatch", 403), "store-credentials", false],
    [answered("ExpiredToken", 400), "store-credentials", false],
    [answered("NoSuchBucket", 404), "store-bucket", false],
    [answered("AuthorizationHeaderMalformed", 400), "store-region", false],
    [answered("PermanentRedirect", 301), "store-region", false],
    [answered("RequestTimeTooSkewed", 403), "store-clock", true],
    [answered("QuotaExceeded", 403), "store-full", false],
    [answered("XMinioStorageFull", 507), "store-full", false],
    [answered("AccessDenied", 403), "store-refused", false],
    [answered("UnknownError", 403), "store-refused", false],
    [answered("UnknownError", 404), "store-absent", false],
    [answered("NotFound", 404), "store-absent", false],
    [answered("NoSuchKey", 404), "store-absent", false],
    [answered("NoSuchSomething", 404), "store-failed", false],
    [answered("NoSuchUpload", 404), "store-upload-gone", false],
    [answered("PreconditionFailed", 412), "store-damaged", false],
    [answered("BadDigest", 400), "store-damaged", true],
    [answered("SlowDown", 503), "store-unreachable", true],
    [answered("UnknownError", 500), "store-unreachable", true],
    [answered("TooManyRequests", 429), "store-unreachable", true],
    [answered("RequestTimeout", 400), "store-unreachable", true],
    [answered("NotImplemented", 501), "store-failed", false],
    [answered("MalformedXML", 400), "store-failed", false],
    [network("ECONNREFUSED"), "store-unreachable", true],
    [network("ENOTFOUND"), "store-unreachable", true],
    [network("EHOSTUNREACH"), "store-unreachable", true],
    [network("ECONNRESET"), "store-unreachable", true],
    [network("ETIMEDOUT"), "store-unreachable", true],
    [network("", "TimeoutError"), "store-unreachable", true],
    [network("HPE_INVALID_CONSTANT"), "store-unreachable", true],
    [network("CERT_HAS_EXPIRED"), "store-certificate", false],
    [network("DEPTH_ZERO_SELF_SIGNED_CERT"), "store-certificate", false],
    [network("ERR_TLS_CERT_ALTNAME_INVALID"), "store-certificate", false],
    [network("EPROTO"), "store-certificate", false],
    [new Error("nobody knows"), "store-failed", false],
    ["a text", "store-failed", false],
    [undefined, "store-failed", false],
  ] as const)("%s is %s, passing: %s", (error, code, passing) => {
    expect(failureOf(error)).toMatchObject({ code, passing });
  });

  test("what stays has a next step", () => {
    for (const name of [
      "InvalidAccessKeyId",
      "NoSuchBucket",
      "PermanentRedirect",
      "QuotaExceeded",
      "AccessDenied",
      "RequestTimeTooSkewed",
    ]) {
      expect(failureOf(answered(name, 400)).hint, name).toBeTruthy();
    }
  });

  test("a time limit that ran out is an answer that did not come", () => {
    expect(failureOf(new Error("aborted"), true)).toMatchObject({ code: "store-unreachable", passing: true });
  });

  test("only a broken connection may hide a refusal", () => {
    const errors = [
      network("ECONNRESET"),
      network("EPIPE"),
      network("ECONNREFUSED"),
      network("", "TimeoutError"),
      answered("SlowDown", 503),
    ];
    expect(errors.map(isCutOff)).toEqual([true, true, false, false, false]);
  });
});
