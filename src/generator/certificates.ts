import { webcrypto } from "node:crypto";
// The library registers its parts through decorators, which need this in place before they are loaded.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

/** A certificate and its private key, both as PEM text. */
export interface CertificateAndKey {
  certificate: string;
  key: string;
}

const day = 86_400_000;
const hour = 3_600_000;

/** Ten years: whoever trusts the authority does so by hand, on each machine. */
export const authorityDays = 3_650;

/** Browsers refuse more than 398 days, and Apple's more than 825 even from an authority that the user added. */
export const certificateDays = 397;

const signing = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

x509.cryptoProvider.set(webcrypto);

/**
 * Makes a stack's own certificate authority: it signs certificates of servers and nothing below it may sign. It goes
 * into secrets/ and is made once; a machine trusts the stack's local names as soon as it trusts this certificate.
 */
export async function localAuthority(options: { stack: string; today: Date }): Promise<CertificateAndKey> {
  const keys = await webcrypto.subtle.generateKey(signing, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ["create-stack"] }, { CN: [`${options.stack} local authority`] }],
    ...validity(options.today, authorityDays),
    signingAlgorithm: signing,
    keys: keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await privateKeyText(keys.privateKey) };
}

/**
 * Issues a server certificate for these host names (wildcards included), signed by the authority. The text holds the
 * certificate alone: who trusts the authority has it, and nobody else gains from it.
 */
export async function issueCertificate(options: {
  authority: CertificateAndKey;
  hosts: readonly string[];
  today: Date;
}): Promise<CertificateAndKey> {
  const authority = new x509.X509Certificate(options.authority.certificate);
  const keys = await webcrypto.subtle.generateKey(signing, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    // The names stand in the extension below; a common name is limited to 64 letters and read by nobody.
    subject: [{ O: ["create-stack"] }],
    issuer: authority.subject,
    ...validity(options.today, certificateDays),
    signingKey: await signingKey(options.authority.key),
    signingAlgorithm: signing,
    publicKey: keys.publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(options.hosts.map((host) => ({ type: "dns" as const, value: host }))),
      await x509.AuthorityKeyIdentifierExtension.create(authority.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await privateKeyText(keys.privateKey) };
}

/** What to type so that a machine trusts the authority, by operating system. `path` leads to its certificate. */
export function trustCommands(path: string): { system: string; command: string }[] {
  return [
    {
      system: "Debian, Ubuntu",
      command: `sudo cp ${path} /usr/local/share/ca-certificates/create-stack.crt && sudo update-ca-certificates`,
    },
    { system: "Fedora, RHEL", command: `sudo trust anchor ${path}` },
    {
      system: "macOS",
      command: `sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${path}`,
    },
    { system: "Windows (as administrator)", command: `certutil -addstore -f ROOT ${path.replaceAll("/", "\\")}` },
    { system: "Firefox", command: "Settings, Certificates, View Certificates, Authorities, Import" },
    { system: "curl, without trusting it", command: `curl --cacert ${path} https://…` },
  ];
}

/** Begins an hour ago, for machines whose clocks differ. */
function validity(today: Date, days: number): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(today.getTime() - hour);
  return { notBefore, notAfter: new Date(notBefore.getTime() + days * day) };
}

/** Sixteen random bytes in hex; the first below 0x80 and not 0, so that it is a positive number of full length. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}

async function privateKeyText(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key));
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  return ["-----BEGIN PRIVATE KEY-----", ...lines, "-----END PRIVATE KEY-----", ""].join("\n");
}

async function signingKey(pem: string): Promise<webcrypto.CryptoKey> {
  const bytes = Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64");
  return webcrypto.subtle.importKey("pkcs8", bytes, signing, false, ["sign"]);
}
