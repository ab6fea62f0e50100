import { X509Certificate } from "node:crypto";
import type { SecretFile } from "../stack/model.ts";
import { issueCertificate, localAuthority } from "./certificates.ts";
import type { SecretFolder } from "./secret-files.ts";

type CertificateFile = Extract<SecretFile, { kind: "certificate" }>;

const day = 86_400_000;
const renewBefore = 30 * day;

/** Makes the stack's private CA once and a certificate for the wanted names whenever the present one does not do. */
export async function ensureCertificates(
  folder: SecretFolder,
  files: readonly CertificateFile[],
  stack: string,
  today: Date,
): Promise<void> {
  for (const file of files) {
    const keyOfAuthority = `${file.authorityName}.key`;
    let certificate = folder.read(file.authorityName);
    let key = folder.read(keyOfAuthority);
    if (certificate === undefined || key === undefined) {
      ({ certificate, key } = await localAuthority({ stack, today }));
      folder.write(file.authorityName, certificate, 0o444);
      folder.write(keyOfAuthority, key, 0o400);
    }
    const present = folder.read(file.name);
    if (
      present !== undefined &&
      folder.read(file.keyName) !== undefined &&
      stillGood(present, certificate, file.hosts, today)
    )
      continue;
    const issued = await issueCertificate({ authority: { certificate, key }, hosts: file.hosts, today });
    folder.write(file.keyName, issued.key, file.mode);
    folder.write(file.name, issued.certificate, file.mode);
  }
}

function stillGood(pem: string, authority: string, hosts: readonly string[], today: Date): boolean {
  try {
    const certificate = new X509Certificate(pem);
    const names = new Set((certificate.subjectAltName ?? "").split(", ").map((name) => name.replace(/^DNS:/, "")));
    const covers = hosts.length === names.size && hosts.every((host) => names.has(host));
    return (
      covers &&
      new Date(certificate.validTo).getTime() - today.getTime() > renewBefore &&
      certificate.verify(new X509Certificate(authority).publicKey)
    );
  } catch {
    return false;
  }
}
