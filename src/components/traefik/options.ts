import { isIP } from "node:net";
import { z } from "zod";
import { duration, email, hostName, limits, port, secretName, size } from "../../stack/fields.ts";

const letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory";
const letsEncryptStaging = "https://acme-staging-v02.api.letsencrypt.org/directory";

const acme = z.strictObject({
  email: email().describe("Where the authority writes when a certificate is about to run out"),
  challenge: z
    .enum(["http", "tls", "dns"])
    .default("http")
    .describe("How the domain is proved: http (port 80), tls (port 443) or dns (needed for wildcards)"),
  provider: z
    .string()
    .regex(/^[a-z0-9-]+$/, "expected a DNS provider's short name such as cloudflare")
    .optional()
    .describe("With dns: the provider, by the name that Traefik knows it by (https://go-acme.github.io/lego/dns/)"),
  secrets: z
    .record(
      z.string().regex(/^[A-Z][A-Z0-9_]*_FILE$/, "expected an environment variable that ends in _FILE"),
      secretName(),
    )
    .optional()
    .describe("With dns: the provider's variables, each with the file under secrets/ that holds its value"),
  env: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, "expected the name of an environment variable"), z.string())
    .default({})
    .describe("With dns: the provider's settings that are no secrets, such as AWS_REGION"),
  staging: z.boolean().default(false).describe("Take test certificates, which no browser trusts, from Let's Encrypt"),
  caServer: z.url("expected the URL of an ACME directory").optional().describe("Another ACME server's directory"),
  caCertificate: secretName()
    .optional()
    .describe("File under secrets/ with the certificate that the ACME server's own TLS is checked against"),
});

const certificateFile = z.strictObject({
  certificate: secretName().describe("File under secrets/ with the certificate and its chain, PEM"),
  key: secretName().describe("File under secrets/ with its private key, PEM"),
});

const range = z
  .string()
  .refine(isRange, "expected an address or a range of addresses such as 10.0.0.0/8 or 2001:db8::/32");

/** Section `traefik` of stack.yaml. */
export const options = z.strictObject({
  acme: acme.optional().describe("Certificates from Let's Encrypt or another ACME server, renewed by themselves"),
  certificates: z
    .union([z.enum(["local", "files"]), z.array(certificateFile).min(1)], {
      error: "expected local, files, or a list of { certificate, key }",
    })
    .optional()
    .describe(
      "Without acme: local (a certificate authority of the stack's own; the default), files (tls_certificate and tls_key under secrets/) or a list of such files",
    ),
  hsts: z
    .union([
      z.boolean(),
      z.strictObject({
        maxAge: duration().prefault("365d").describe("How long a browser remembers"),
        subdomains: z.boolean().default(false).describe("Also for all names below"),
        preload: z.boolean().default(false).describe("Ask browsers to ship it; hard to take back"),
      }),
    ])
    .default(true)
    .describe("Browsers are told to use HTTPS alone. Never said for *.localhost"),
  frames: z
    .enum(["same-site", "deny", "app"])
    .default("same-site")
    .describe("Who may show a page in a frame: its own site, nobody, or what each app says itself"),
  rateLimit: z
    .union([
      z.literal(false),
      z.strictObject({
        average: z.int().min(1, "expected at least 1").describe("Requests a second from one address, over time"),
        burst: z.int().min(1, "expected at least 1").describe("Requests at once before the limit holds"),
      }),
    ])
    .prefault({ average: 100, burst: 200 })
    .describe("Limit per client address; false: none. Object stores are left out"),
  maxBody: size()
    .optional()
    .describe(
      "Largest request body. Bodies and answers are then read whole before they are passed on, which breaks event streams; object stores are left out",
    ),
  timeouts: z
    .strictObject({
      read: duration()
        .optional()
        .describe("To receive one request with its body; 10m, with an object store behind it 6h"),
      idle: duration().prefault("3m").describe("Until an unused connection is closed"),
    })
    .prefault({})
    .describe("How long a connection may take"),
  encodedSlash: z
    .boolean()
    .default(false)
    .describe("Allow %2F in a path: some APIs need it, others can be tricked by it"),
  trust: z
    .union([z.literal("cloudflare"), z.array(range).min(1)], {
      error: "expected cloudflare or a list of addresses such as [10.0.0.0/8]",
    })
    .optional()
    .describe("Proxies in front whose X-Forwarded-* headers are believed"),
  proxyProtocol: z.boolean().default(false).describe("The proxies in `trust` speak the PROXY protocol"),
  dashboard: z
    .strictObject({
      host: hostName().describe("Where the dashboard is served"),
      users: secretName()
        .default("traefik_users")
        .describe("File under secrets/ with user:hash lines, made by htpasswd -nB <user>"),
    })
    .optional()
    .describe("Traefik's own dashboard; off unless it is asked for"),
  ports: z
    .strictObject({
      http: port().default(80).describe("Port of the host for HTTP"),
      https: port().default(443).describe("Port of the host for HTTPS"),
    })
    .prefault({})
    .describe("Ports of the host; others than 80 and 443 are for trying things out"),
  http3: z.boolean().default(false).describe("Also HTTP/3, on the HTTPS port over UDP"),
  limits: limits({ cpus: 1, memory: "256m" }),
});

export type TraefikOptions = z.output<typeof options>;

/** The ACME directory that certificates come from. */
export function directoryOf(acme: NonNullable<TraefikOptions["acme"]>): string {
  return acme.caServer ?? (acme.staging ? letsEncryptStaging : letsEncrypt);
}

function isRange(text: string): boolean {
  const [address = "", bits, ...rest] = text.split("/");
  const version = isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}
