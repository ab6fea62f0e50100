import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { ComponentUse } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import type { RedisOptions } from "./options.ts";

/** May only ping. Its password is empty: whoever may connect may know that the server lives. */
export const healthUser = "stack_health";
/** May do everything: the shell on the server. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";

/** A login for one app. */
export interface AppUser {
  app: string;
  /** `redis/sessions`: the app sees keys and channels that begin with `sessions:` and no others. */
  part?: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  name: string;
  secret: string;
}

/** One user per app and part, in the order of stack.yaml. */
export function appUsers({ key, usedBy }: Pick<ComponentUse, "key" | "usedBy">): AppUser[] {
  const users: AppUser[] = [];
  for (const { key: app, part, further } of usedBy) {
    const name = part === undefined ? app : `${app}.${part}`;
    if (users.some((user) => user.name === name)) continue;
    users.push({
      app,
      ...(part !== undefined && { part }),
      ...(further && { further }),
      name,
      secret: `${key}_${name}`,
    });
  }
  return users;
}

/**
 * The server's ACL file. It holds hashes instead of passwords. Apps may do everything but what is dangerous to the
 * server or to others; `info` is given back because client libraries ask for it when they connect.
 */
export function aclFile(
  users: readonly AppUser[],
  more: {
    adminSecret: string;
    allow: RedisOptions["allow"];
    monitor?: { secret: string; rights: string };
    /** Lines for those who keep several servers equal. */
    replication?: SecretText;
  },
): SecretText {
  const { adminSecret, allow, monitor, replication } = more;
  const back = ["info", ...new Set(allow)].map((command) => `+${command}`).join(" ");
  const lines = users.flatMap((user) => {
    const reach = user.part === undefined ? "~* &*" : `~${user.part}:* &${user.part}:*`;
    return secretText`user ${user.name} on #${secret(user.secret, "sha256")} ${reach} +@all -@dangerous ${back}\n`;
  });
  return [
    "user default off resetpass resetkeys resetchannels -@all\n",
    // Of several servers whoever may connect may also know which is the primary; the proxy asks it.
    `user ${healthUser} on nopass resetkeys resetchannels -@all +ping${replication ? " +role" : ""}\n`,
    ...secretText`user ${adminUser} on #${secret(adminSecret, "sha256")} ~* &* +@all\n`,
    ...(replication ?? []),
    ...(monitor === undefined
      ? []
      : secretText`user ${monitorUser} on #${secret(monitor.secret, "sha256")} ${monitor.rights}\n`),
    ...lines,
  ];
}
