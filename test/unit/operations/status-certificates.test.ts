import { expect, test } from "vitest";
import {
  certificateProblems,
  judgeCertificate,
  routeStatuses,
  type SeenCertificate,
  tlsEntrance,
} from "../../../src/operations/status-certificates.ts";
import type { CertificateStatus } from "../../../src/operations/status-report.ts";
import type { Route } from "../../../src/stack/model.ts";
import { model, service } from "../../support/models.ts";

const now = Date.parse("2026-01-01T00:00:00Z");
const entrance = { service: "traefik", host: "127.0.0.1", port: 443 };

function route(host: string, kind: "acme" | "file" | "local" | undefined): Route {
  const certificate: Route["certificate"] | undefined = kind === "acme" ? { kind, resolver: "acme" } : kind && { kind };
  return { service: "web", host, path: "/", port: 80, middlewares: [], certificate };
}

function seen(names: string, parts: Partial<SeenCertificate> = {}): SeenCertificate {
  const issuer = { C: "US", ST: "", L: "", O: "Let's Encrypt", OU: "", CN: "R11" };
  return {
    subject: { ...issuer, CN: "" },
    issuer,
    subjectaltname: names,
    valid_to: "Mar  2 00:00:00 2026 GMT",
    ...parts,
  };
}

const judge = (certificate: SeenCertificate, host = "shop.example.com", verified = false) =>
  judgeCertificate(certificate, { host, private: verified, now });

test("days are counted down to the end of the certificate", () => {
  expect(judge(seen("DNS:shop.example.com"))).toEqual({ kind: "issued", issuer: "R11", daysLeft: 60, matches: true });
});

test.each([
  ["DNS:shop.example.com, DNS:www.example.com", "www.example.com", true],
  ["DNS:*.example.com", "shop.example.com", true],
  ["DNS:*.example.com", "a.shop.example.com", false],
  ["DNS:*.example.com", "example.com", false],
  ["DNS:xample.com", "example.com", false],
  ["IP Address:10.0.0.1", "shop.example.com", false],
])("a certificate for %s shown for %s: %s", (names, host, matches) => {
  expect(judge(seen(names), host)).toMatchObject({ matches });
});

test("the authority of the stack and Traefik's stopgap are told apart from others", () => {
  const subject = (CN: string) => ({ C: "", ST: "", L: "", O: "", OU: "", CN });
  expect(judge(seen("DNS:shop.example.com"), undefined, true)).toMatchObject({ kind: "private" });
  expect(judge(seen("DNS:a", { issuer: subject("shop local authority") }))).toMatchObject({ kind: "private" });
  expect(judge(seen("DNS:x.traefik.default", { subject: subject("TRAEFIK DEFAULT CERT") }))).toMatchObject({
    kind: "default",
    matches: false,
  });
});

const issued = (parts: Partial<CertificateStatus> = {}): CertificateStatus =>
  ({ kind: "issued", issuer: "R11", daysLeft: 60, matches: true, ...parts }) as CertificateStatus;

test.each<[CertificateStatus, "acme" | "local", string[]]>([
  [issued(), "acme", []],
  [issued({ daysLeft: 7 }), "acme", []],
  [issued({ daysLeft: 6 }), "acme", ["the certificate of a.com ends in 6 days -> ./prod.sh logs traefik --tail 50"]],
  [issued({ daysLeft: 1 }), "local", ["the certificate of a.com ends in 1 day -> ./prod.sh start"]],
  [issued({ daysLeft: -1 }), "local", ["the certificate of a.com has expired -> ./prod.sh start"]],
  [issued({ matches: false }), "local", ["a.com is served with a certificate for other names -> ./prod.sh start"]],
  [
    { kind: "default", issuer: "", daysLeft: 300, matches: false },
    "acme",
    [
      "a.com has no certificate yet: Traefik shows its default one, which browsers refuse -> ./prod.sh logs traefik --tail 50",
    ],
  ],
  [
    { kind: "unreachable", reason: "no answer" },
    "acme",
    ["a.com cannot be reached over TLS at 127.0.0.1:443: no answer -> ./prod.sh logs traefik --tail 50"],
  ],
])("%j as a problem", (status, wanted, expected) => {
  const found = certificateProblems([route("a.com", wanted)], new Map([["a.com", status]]), entrance);
  expect(found.map(({ message, hint }) => `${message} -> ${hint}`)).toEqual(expected);
});

test("TLS is spoken on the host's side of the edge's port 443, and not asked where nothing is encrypted", () => {
  const edge = service("traefik", {
    group: "edge",
    ports: [
      { host: "0.0.0.0", published: 80, target: 80, protocol: "tcp" },
      { host: "0.0.0.0", published: 8443, target: 443, protocol: "udp" },
      { host: "0.0.0.0", published: 9443, target: 443, protocol: "tcp" },
    ],
  });
  const encrypted = model([edge], { routes: [route("a.com", "acme")] });
  expect(tlsEntrance(encrypted)).toEqual({ service: "traefik", host: "127.0.0.1", port: 9443 });
  expect(tlsEntrance(model([edge], { routes: [route("a.com", undefined)] }))).toBeUndefined();
  expect(tlsEntrance(model([service("web")], { routes: [route("a.com", "acme")] }))).toBeUndefined();
});

test("routes are written as one would type them", () => {
  const routes = [route("a.com", "acme"), { ...route("b.com", undefined), path: "/api" }];
  expect(routeStatuses(routes, new Map(), 8443).map(({ url }) => url)).toEqual([
    "https://a.com:8443/",
    "http://b.com/api",
  ]);
  expect(routeStatuses(routes, new Map(), 443)[0]?.url).toBe("https://a.com/");
});
