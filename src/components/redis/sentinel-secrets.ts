import type { SecretFile } from "../../stack/model.ts";
import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { AppUser } from "../app-users.ts";
import { monitorUser } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { replicaUser, type SentinelNames, sentinelUser } from "./sentinel-names.ts";
import { adminUser, healthUser } from "./users.ts";

/**
 * What a sentinel does at a server: watch it, tell the others over its channel, give it another role, and write that into
 * its file. Clients that are connected with the old role are ended.
 */
const sentinelAtServer = [
  "resetkeys resetchannels &__sentinel__:hello -@all",
  "+ping +info +role +client|setname +client|kill +script|kill",
  "+multi +exec +slaveof +replicaof +config|rewrite +subscribe +publish",
].join(" ");

/** What it asks another sentinel. */
const sentinelAtSentinel =
  "resetkeys resetchannels &__sentinel__:hello -@all +ping +client|setname +publish +sentinel|is-master-down-by-addr";

/** What client libraries ask a sentinel: who is the primary, and to be told when it is another. */
const appAtSentinel = [
  "resetkeys resetchannels &* -@all +ping +hello +command +role +info +subscribe +psubscribe +unsubscribe +punsubscribe",
  "+client|setname +client|getname +client|setinfo +client|id",
  "+sentinel|get-master-addr-by-name +sentinel|master +sentinel|masters +sentinel|replicas +sentinel|slaves",
  "+sentinel|sentinels +sentinel|myid",
].join(" ");

const monitorAtSentinel = [
  "resetkeys resetchannels -@all +ping +info",
  "+sentinel|masters +sentinel|master +sentinel|replicas +sentinel|slaves +sentinel|sentinels +sentinel|ckquorum",
].join(" ");

/** Lines of the servers' list of users for those who keep the copies equal. */
export function replicationUsers(names: SentinelNames): SecretText {
  return [
    ...secretText`user ${replicaUser} on #${secret(names.replicaPassword, "sha256")} resetkeys resetchannels -@all +psync +replconf +ping\n`,
    ...secretText`user ${sentinelUser} on #${secret(names.sentinelPassword, "sha256")} ${sentinelAtServer}\n`,
  ];
}

/** The sentinels' own list of users: apps have the same name and password there as at the servers. */
function sentinelAcl(names: SentinelNames, users: readonly AppUser[], monitor: string | undefined): SecretText {
  return [
    "user default off resetpass resetkeys resetchannels -@all\n",
    // Whoever may connect may know who is the primary; the proxy asks it.
    `user ${healthUser} on nopass resetkeys resetchannels -@all +ping +sentinel|get-master-addr-by-name\n`,
    ...secretText`user ${adminUser} on #${secret(names.admin, "sha256")} ~* &* +@all\n`,
    ...secretText`user ${sentinelUser} on #${secret(names.sentinelPassword, "sha256")} ${sentinelAtSentinel}\n`,
    ...(monitor === undefined
      ? []
      : secretText`user ${monitorUser} on #${secret(monitor, "sha256")} ${monitorAtSentinel}\n`),
    ...users.flatMap((user) => secretText`user ${user.name} on #${secret(user.secret, "sha256")} ${appAtSentinel}\n`),
  ];
}

/** Secrets that a server with sentinels has beyond those of a single one. */
export function sentinelSecrets(
  key: string,
  names: SentinelNames,
  users: readonly AppUser[],
  monitor?: string,
): SecretFile[] {
  const { master } = names;
  const composed = (name: string, about: string, content: SecretText): SecretFile => ({
    name,
    about,
    mode: 0o444,
    kind: "composed",
    content,
  });
  const quoted = (name: string) => secretText`"${secret(name, "json")}"`;
  return [
    randomPassword(names.replicaPassword, `Password with which the servers of ${key} copy from each other`),
    randomPassword(names.sentinelPassword, `Password of the sentinels of ${key}, at the servers and among each other`),
    composed(
      names.replicaConf,
      `The same password, as the servers of ${key} read it`,
      secretText`\n# Login at the primary\nmasteruser ${replicaUser}\nmasterauth ${quoted(names.replicaPassword)}\n`,
    ),
    composed(
      names.sentinelConf,
      `The same password, as the sentinels of ${key} read it`,
      secretText`\n# Login at the servers and at each other\nsentinel auth-user ${master} ${sentinelUser}\nsentinel auth-pass ${master} ${quoted(names.sentinelPassword)}\nsentinel sentinel-user ${sentinelUser}\nsentinel sentinel-pass ${quoted(names.sentinelPassword)}\n`,
    ),
    composed(
      names.sentinelAcl,
      `Who may do what at the sentinels of ${key}, with hashes of the passwords`,
      sentinelAcl(names, users, monitor),
    ),
  ];
}
