import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { AppUser } from "../app-users.ts";
import { monitorUser } from "../monitored.ts";
import type { RedisOptions } from "./options.ts";

/** May only ping. Its password is empty: whoever may connect may know that the server lives. */
export const healthUser = "stack_health";
/** May do everything: the shell on the server. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";

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
