import { join } from "node:path";
import { connect, createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";
import type { Route, StackModel } from "../stack/model.ts";
import { messageOf, systemCode } from "../support/errors.ts";
import { readIfExists } from "../support/files.ts";
import type { CertificateStatus, RouteStatus, StatusProblem } from "./status-report.ts";

/** Subject of the certificate that Traefik makes up for a name that it has none for. */
const defaultSubject = "TRAEFIK DEFAULT CERT";
const answerTimeout = 700;
const daysToAct = 7;
const day = 86_400_000;

/** Where TLS is spoken to the outside: the edge service and the host's side of its port. */
export interface TlsEntrance {
  service: string;
  host: string;
  port: number;
}

export function tlsEntrance(model: StackModel): TlsEntrance | undefined {
  const encrypted = model.routes.some((route) => route.certificate !== undefined);
  for (const service of encrypted ? model.services : []) {
    if (service.group !== "edge") continue;
    const port = service.ports.find(({ target, protocol }) => target === 443 && protocol === "tcp");
    if (port === undefined) continue;
    const everywhere = ["", "0.0.0.0", "::", "[::]"].includes(port.host);
    return { service: service.name, host: everywhere ? "127.0.0.1" : port.host, port: port.published };
  }
  return undefined;
}

/** Asks the edge for the certificate of every host name that has one, all at once. */
export async function readCertificates(
  directory: string,
  model: StackModel,
  entrance: TlsEntrance,
  now: number,
): Promise<Map<string, CertificateStatus>> {
  const hosts = [...new Set(model.routes.filter((route) => route.certificate).map((route) => route.host))];
  // Whether browsers trust them is not asked: loading every public authority takes longer than the rest of status.
  const secureContext = createSecureContext({ ca: privateAuthorities(directory, model) });
  const read = async (host: string) => [host, await readCertificate(entrance, host, secureContext, now)] as const;
  return new Map(await Promise.all(hosts.map(read)));
}

function privateAuthorities(directory: string, model: StackModel): string[] {
  const names = new Set(model.secrets.flatMap((file) => (file.kind === "certificate" ? [file.authorityName] : [])));
  return [...names].flatMap((name) => {
    try {
      return readIfExists(join(directory, "secrets", name)) ?? [];
    } catch {
      // Only root may look into secrets/; the certificate is then told by its issuer's name.
      return [];
    }
  });
}

function readCertificate(
  { host: address, port }: TlsEntrance,
  host: string,
  secureContext: SecureContext,
  now: number,
): Promise<CertificateStatus> {
  return new Promise((resolve) => {
    const servername = host.replace(/^\*\./, "www.");
    const socket = connect({
      host: address,
      port,
      servername,
      secureContext,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
    });
    const answer = (status: CertificateStatus) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(status);
    };
    const timer = setTimeout(() => answer({ kind: "unreachable", reason: "no answer" }), answerTimeout);
    socket.once("error", (error) => answer({ kind: "unreachable", reason: wordsFor(error) }));
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerCertificate();
      answer(judgeCertificate(certificate, { host: servername, private: socket.authorized, now }));
    });
  });
}

function wordsFor(error: Error): string {
  return systemCode(error) === "ECONNREFUSED" ? "nobody listens" : messageOf(error);
}

/** The parts of a peer certificate that matter here. */
export type SeenCertificate = Pick<PeerCertificate, "subject" | "issuer" | "valid_to" | "subjectaltname">;

export function judgeCertificate(
  certificate: SeenCertificate,
  seen: { host: string; private: boolean; now: number },
): CertificateStatus {
  const issuer = text(certificate.issuer.CN) || text(certificate.issuer.O) || "an unknown issuer";
  const kind = kindOf(certificate, seen.private, issuer);
  return {
    kind,
    issuer,
    daysLeft: Math.floor((Date.parse(certificate.valid_to) - seen.now) / day),
    matches: kind === "default" ? false : namesOf(certificate).some((name) => covers(name, seen.host)),
  };
}

function kindOf(certificate: SeenCertificate, verified: boolean, issuer: string): "issued" | "private" | "default" {
  if (text(certificate.subject.CN) === defaultSubject) return "default";
  return verified || issuer.endsWith(" local authority") ? "private" : "issued";
}

function namesOf(certificate: SeenCertificate): string[] {
  const alternatives = (certificate.subjectaltname ?? "").split(/,\s*/).filter((name) => name.startsWith("DNS:"));
  return alternatives.map((name) => name.slice("DNS:".length).toLowerCase());
}

function covers(name: string, host: string): boolean {
  if (name === host) return true;
  return name.startsWith("*.") && host.slice(host.indexOf(".")) === name.slice(1);
}

/** Node gives a list where a name holds a part twice. */
function text(value: string | string[] | undefined): string {
  return Array.isArray(value) ? (value[0] ?? "") : (value ?? "");
}

/** Routes as a reader would type them, with what was found for their hosts. */
export function routeStatuses(
  routes: readonly Route[],
  found: ReadonlyMap<string, CertificateStatus>,
  port: number | undefined,
): RouteStatus[] {
  return routes.map((route) => {
    const certificate = route.certificate && found.get(route.host);
    const scheme = route.certificate === undefined ? "http" : "https";
    const suffix = scheme === "https" && port !== undefined && port !== 443 ? `:${port}` : "";
    return {
      service: route.service,
      url: `${scheme}://${route.host}${suffix}${route.path}`,
      ...(certificate && { certificate }),
    };
  });
}

/** What is wrong with the certificates, each host once. */
export function certificateProblems(
  routes: readonly Route[],
  found: ReadonlyMap<string, CertificateStatus>,
  entrance: TlsEntrance,
): StatusProblem[] {
  return [...found].flatMap(([host, certificate]) => {
    const route = routes.find((candidate) => candidate.host === host);
    const wrong = certificateProblem(host, certificate, route?.certificate?.kind, entrance);
    return wrong === undefined ? [] : [{ subject: host, message: wrong[0], hint: wrong[1] }];
  });
}

function certificateProblem(
  host: string,
  certificate: CertificateStatus,
  wanted: "acme" | "file" | "local" | undefined,
  { service, host: address, port }: TlsEntrance,
): [message: string, hint: string] | undefined {
  const logs = `./prod.sh logs ${service} --tail 50`;
  // An authority of the stack is made again, and files are read again, when the stack is started.
  const renew = wanted === "acme" ? logs : "./prod.sh start";
  if (certificate.kind === "unreachable")
    return [`${host} cannot be reached over TLS at ${address}:${port}: ${certificate.reason}`, logs];
  if (certificate.kind === "default")
    return [`${host} has no certificate yet: Traefik shows its default one, which browsers refuse`, logs];
  if (!certificate.matches) return [`${host} is served with a certificate for other names`, renew];
  if (certificate.daysLeft < 0) return [`the certificate of ${host} has expired`, renew];
  if (certificate.daysLeft >= daysToAct) return undefined;
  const left = certificate.daysLeft === 1 ? "1 day" : `${certificate.daysLeft} days`;
  return [`the certificate of ${host} ends in ${left}`, renew];
}
