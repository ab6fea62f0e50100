import { secret, secretText } from "../stack/secret-text.ts";
import { type ComposeProject, textOf } from "./compose-file.ts";
import type { Neighbour } from "./environment.ts";
import type { Disk, FoundMounts } from "./mounts.ts";
import type { Findings, Part } from "./part.ts";

/** Secrets and configs of Compose: which files under secrets/ the service gets as /run/secrets/<name>. Configs join its files. */
export function secretFilesOf(
  part: Part,
  project: ComposeProject,
  neighbours: readonly Neighbour[],
  textOfSecret: (source: string) => string | undefined,
  mounts: FoundMounts,
  disk: Disk,
  findings: Findings,
): string[] {
  const { service } = part;
  for (const { source, target } of service.configs) {
    const body = project.configs[source] ?? {};
    const content = textOf(body.content) ?? disk.read(textOf(body.file) ?? "");
    const path = target ?? `/${source}`;
    if (content === undefined || !/^\/[A-Za-z0-9._~%+=@&?/-]+$/.test(path))
      findings.notFixed.push({
        service: service.name,
        what: `its config ${source} is not taken over; write it under files: in stack.yaml`,
      });
    else if (!mounts.files.some((file) => file.path === path)) mounts.files.push({ path, content });
  }
  return service.secrets.flatMap(({ source, target }) => {
    const name = (target?.replace(/^\/run\/secrets\//, "") ?? source).replace(/[^A-Za-z0-9_.-]/g, "_");
    if (!/^[A-Za-z0-9]/.test(name)) return [];
    const value = textOfSecret(source);
    const owner =
      value === undefined
        ? undefined
        : neighbours.find(({ login, offer }) => offer.password !== undefined && login.passwords.includes(value));
    if (findings.secrets.some((moved) => moved.name === name)) return [name];
    if (owner?.offer.password !== undefined) {
      findings.secrets.push({ name, content: secretText`${secret(owner.offer.password)}` });
      part.details.push(
        `/run/secrets/${name} holds the new password at ${owner.key}; a new one there must be written into secrets/${name} too`,
      );
    } else if (value !== undefined && value !== "") findings.secrets.push({ name, content: secretText`${value}` });
    else findings.todo.push(`secrets/${name}: a secret of ${service.name}, whose value is not here`);
    return [name];
  });
}
