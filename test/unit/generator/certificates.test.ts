import "reflect-metadata";
import { createPrivateKey, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";
import { describe, expect, test } from "vitest";
import {
  authorityDays,
  certificateDays,
  issueCertificate,
  localAuthority,
  trustCommands,
} from "../../../src/generator/certificates.ts";

const today = new Date("2030-05-06T07:08:09Z");
const day = 86_400_000;
const authority = await localAuthority({ stack: "shop", today });

const parsed = (pem: string) => new X509Certificate(pem);
const lifetime = (certificate: X509Certificate) =>
  (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / day;

describe("the stack's own authority", () => {
  test("signs itself, may sign others, and is named after the stack", () => {
    const certificate = parsed(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe("O=create-stack\nCN=shop local authority");
  });

  test("is valid for ten years, from an hour before it was made", () => {
    const certificate = parsed(authority.certificate);
    expect(lifetime(certificate)).toBe(authorityDays);
    expect(Date.parse(certificate.validFrom)).toBe(today.getTime() - 3_600_000);
  });

  test("has the key that belongs to it", () => {
    expect(parsed(authority.certificate).checkPrivateKey(createPrivateKey(authority.key))).toBe(true);
  });

  test("is another one each time", async () => {
    const other = await localAuthority({ stack: "shop", today });
    expect(parsed(other.certificate).serialNumber).not.toBe(parsed(authority.certificate).serialNumber);
    expect(other.key).not.toBe(authority.key);
  });
});

describe("a certificate that it issues", async () => {
  const hosts = ["app.localhost", "*.shop.localhost"];
  const issued = await issueCertificate({ authority, hosts, today });
  const certificate = parsed(issued.certificate);

  test("is signed by the authority, and by no other", async () => {
    const other = await localAuthority({ stack: "shop", today });
    expect(certificate.checkIssued(parsed(authority.certificate))).toBe(true);
    expect(certificate.verify(parsed(authority.certificate).publicKey)).toBe(true);
    expect(certificate.verify(parsed(other.certificate).publicKey)).toBe(false);
  });

  test("is for the wanted names alone", () => {
    expect(certificate.subjectAltName).toBe("DNS:app.localhost, DNS:*.shop.localhost");
    expect(certificate.checkHost("app.localhost")).toBe("app.localhost");
    expect(certificate.checkHost("blog.shop.localhost")).toBe("*.shop.localhost");
    expect(certificate.checkHost("other.localhost")).toBeUndefined();
  });

  test("may not sign others and is for servers", () => {
    const constraints = new x509.X509Certificate(issued.certificate).getExtension(x509.BasicConstraintsExtension);
    expect(constraints?.ca).toBe(false);
    expect(certificate.ca).toBe(false);
    expect(certificate.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  });

  test("lives shorter than any browser's limit", () => {
    expect(lifetime(certificate)).toBe(certificateDays);
    expect(certificateDays).toBeLessThanOrEqual(398);
  });

  test("has a P-256 key of its own", () => {
    const key = createPrivateKey(issued.key);
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(key.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
    expect(issued.key).not.toBe(authority.key);
  });
});

test("every operating system is told how to trust it, with the path it was asked for", () => {
  const commands = trustCommands("secrets/local_authority");
  expect(commands.map(({ system }) => system)).toEqual(
    expect.arrayContaining(["Debian, Ubuntu", "Fedora, RHEL", "macOS", "Windows (as administrator)", "Firefox"]),
  );
  expect(commands.find(({ system }) => system === "macOS")?.command).toMatch(/ secrets\/local_authority$/);
  expect(commands.find(({ system }) => system.startsWith("Windows"))?.command).toMatch(/secrets\\local_authority$/);
});
