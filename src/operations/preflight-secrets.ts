import { type Stats, statSync } from "node:fs";
import { join } from "node:path";
import type { SecretFile, StackModel } from "../stack/model.ts";
import { systemCode } from "../support/errors.ts";
import type { Finding } from "./preflight.ts";

/** That each secret is there, holds something and can be read by the services that it is for. No value is read. */
export function checkSecrets(model: Pick<StackModel, "secrets" | "services">, directory: string): Finding[] {
  const check = (secret: SecretFile) => [
    ...checkFile(secret, secret.name, directory, model.services),
    ...(secret.kind === "certificate" ? checkFile(secret, secret.keyName, directory, model.services) : []),
  ];
  const isComposed = ({ kind }: SecretFile) => kind === "composed";
  const sources = model.secrets.filter((secret) => !isComposed(secret)).flatMap(check);
  // A file that is made of others lacks something whenever one of those does: told once.
  const isComplete = sources.every(({ level }) => level !== "fail");
  const findings = [...sources, ...(isComplete ? model.secrets.filter(isComposed).flatMap(check) : [])];
  if (findings.length > 0) return findings;
  return [{ id: "secrets", level: "ok", message: `${model.secrets.length} secrets are there` }];
}

function checkFile(secret: SecretFile, name: string, directory: string, services: StackModel["services"]): Finding[] {
  const path = `secrets/${name}`;
  try {
    const stats = statSync(join(directory, "secrets", name));
    if (stats.isDirectory()) return [missing(secret, `${path} is a folder and should be a file`)];
    if (stats.size === 0) return [missing(secret, `${path} is empty (${secret.about})`)];
    return unreadable(name, path, stats, services);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [missing(secret, `${path} is missing (${secret.about})`)];
    const message = `${path} cannot be looked at: ${systemCode(error) ?? "unknown reason"}`;
    const hint = "run the command as the user who owns the stack's directory";
    return [{ id: "secret-unreadable", level: "fail", message, hint, exit: "secret" }];
  }
}

/** Without what no service reads the stack serves all the same: a server that is down must not wait for a bucket's keys. */
function missing(secret: SecretFile, message: string): Finding {
  const found = { id: "secret-missing", message, hint: wayToHave(secret) };
  const canWait = secret.kind === "supplied" && secret.for !== undefined;
  return canWait ? { ...found, level: "warn" } : { ...found, level: "fail", exit: "secret" };
}

function wayToHave({ kind, mode, name }: SecretFile): string {
  if (kind === "supplied") {
    return `write it: \`install -m ${mode.toString(8)} /dev/stdin secrets/${name}\`, paste the value, end with Ctrl-D`;
  }
  if (kind !== "random") return "`./prod.sh generate` makes it";
  return "put the file back; where the stack holds no data yet, `./prod.sh generate` makes a new one";
}

/** Without capabilities not even a container's root may read a file that its mode keeps from it. */
function unreadable(name: string, path: string, stats: Stats, services: StackModel["services"]): Finding[] {
  const shut = services.filter(
    ({ secrets, user }) => secrets.includes(name) && user !== undefined && !mayRead(user, stats),
  );
  if (shut.length === 0) return [];
  const names = shut.map((service) => `${service.name} (user ${service.user})`).join(", ");
  const mode = (stats.mode & 0o777).toString(8);
  return [
    {
      id: "secret-shut",
      level: "warn",
      message: `${path} has mode ${mode} and owner ${stats.uid}: ${names} cannot read it`,
      hint: "`./prod.sh generate` sets the mode, or change it by hand",
    },
  ];
}

function mayRead(user: string, { mode, uid, gid }: Stats): boolean {
  const [ownUid, ownGid] = user.split(":").map(Number);
  if (ownUid === uid) return (mode & 0o400) !== 0;
  if (ownGid === gid) return (mode & 0o040) !== 0;
  return (mode & 0o004) !== 0;
}
