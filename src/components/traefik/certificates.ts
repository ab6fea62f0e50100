import type { Route, SecretFile } from "../../stack/model.ts";
import type { OptionProblem } from "../component.ts";
import type { TraefikOptions } from "./options.ts";

/** Name under which the static file knows the source of ACME certificates. */
export const resolver = "acme";

/** Secrets of the stack's own certificate authority and of the certificate that it issues for local names. */
export const local = { certificate: "local_certificate", key: "local_certificate_key", authority: "local_authority" };

/** Variables of DNS providers that one token is enough for, so that naming the provider is enough too. */
const tokenOf: Record<string, string> = {
  cloudflare: "CF_DNS_API_TOKEN_FILE",
  digitalocean: "DO_AUTH_TOKEN_FILE",
};

/** True for names that lead every machine to itself; no public authority may certify them. */
export function isLocal(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost");
}

export function certificateOf(host: string, options: TraefikOptions): Route["certificate"] {
  if (isLocal(host)) return { kind: "local" };
  if (options.acme) return { kind: "acme", resolver };
  return suppliedFiles(options).length > 0 ? { kind: "file" } : { kind: "local" };
}

/** Pairs of secrets that the user supplies. */
export function suppliedFiles(options: TraefikOptions): { certificate: string; key: string }[] {
  if (options.certificates === "files") return [{ certificate: "tls_certificate", key: "tls_key" }];
  return Array.isArray(options.certificates) ? options.certificates : [];
}

/** Environment of the DNS provider: variables that end in _FILE, with the secrets that they name. */
export function dnsSecrets(options: TraefikOptions): Record<string, string> {
  const { acme } = options;
  if (acme?.challenge !== "dns" || acme.provider === undefined) return {};
  const variable = tokenOf[acme.provider];
  return acme.secrets ?? (variable === undefined ? {} : { [variable]: `${acme.provider}_token` });
}

/** Every secret around certificates, for these local hosts. */
export function certificateSecrets(options: TraefikOptions, localHosts: readonly string[]): SecretFile[] {
  const secrets: SecretFile[] = [];
  for (const { certificate, key } of suppliedFiles(options))
    secrets.push(
      { name: certificate, about: "certificate with its chain, PEM", mode: 0o444, kind: "supplied" },
      { name: key, about: `private key of ${certificate}, PEM`, mode: 0o444, kind: "supplied" },
    );
  for (const [variable, name] of Object.entries(dnsSecrets(options)))
    secrets.push({
      name,
      about: `${variable} of the DNS provider, to prove the domain`,
      mode: 0o444,
      kind: "supplied",
    });
  if (options.acme?.caCertificate !== undefined)
    secrets.push({
      name: options.acme.caCertificate,
      about: "certificate that the ACME server's own TLS is checked against, PEM",
      mode: 0o444,
      kind: "supplied",
    });
  if (localHosts.length > 0)
    secrets.push({
      name: local.certificate,
      about: `certificate of the stack's own authority for ${localHosts.join(", ")}`,
      mode: 0o444,
      kind: "certificate",
      hosts: [...localHosts],
      keyName: local.key,
      authorityName: local.authority,
    });
  return secrets;
}

/** What is wrong in the options around certificates, whatever the routes are. */
export function checkCertificateOptions(options: TraefikOptions): OptionProblem[] {
  const { acme } = options;
  if (!acme) return [];
  const problems: OptionProblem[] = [];
  if (options.certificates !== undefined)
    problems.push({
      path: ["certificates"],
      message: "certificates and acme both say where certificates come from",
      hint: "remove one of them; *.localhost gets a local certificate in any case",
    });
  if (acme.staging && acme.caServer !== undefined)
    problems.push({
      path: ["acme", "staging"],
      message: "staging is Let's Encrypt's test server, and caServer names another one",
      hint: "remove one of them",
    });
  return [...problems, ...checkDns(acme, options)];
}

function checkDns(acme: NonNullable<TraefikOptions["acme"]>, options: TraefikOptions): OptionProblem[] {
  if (acme.challenge !== "dns") {
    const needless = (["provider", "secrets"] as const).find((key) => acme[key] !== undefined);
    if (needless === undefined) return [];
    return [
      {
        path: ["acme", needless],
        message: `${needless} is for the dns challenge, and the challenge is ${acme.challenge}`,
        hint: `write challenge: dns, or remove ${needless}`,
      },
    ];
  }
  if (acme.provider === undefined)
    return [
      {
        path: ["acme", "challenge"],
        message: "the dns challenge needs the provider that holds the domain's records",
        hint: "add provider: cloudflare (or another of https://go-acme.github.io/lego/dns/)",
      },
    ];
  if (Object.keys(dnsSecrets(options)).length === 0)
    return [
      {
        path: ["acme", "provider"],
        message: `the DNS provider ${acme.provider} needs its credentials`,
        hint: `add secrets: { VARIABLE_FILE: file_under_secrets }; the variables: https://go-acme.github.io/lego/dns/${acme.provider}/`,
      },
    ];
  return [];
}
