import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import { monitorUser } from "../monitored.ts";
import type { AppUser } from "./vhosts.ts";

/** May do everything: the management page, the set-up. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";
/** Sees everything and changes nothing: the health check and the status screen. */
export { monitorUser };

/** Tag of the users that stack.yaml knows. Those without it were made by hand and are left alone. */
export const stackTag = "stack";

/**
 * Virtual hosts, users and rights, as the server reads them when it starts and the set-up tells them to a running one.
 * One thing a line: the set-up looks there for what is not known any more. Hashes stand in it, no passwords.
 */
export function definitionsFile(
  users: readonly AppUser[],
  vhosts: readonly string[],
  own: { admin: string; monitor: string },
): SecretText {
  const rights = [
    ...vhosts.map((vhost) => rightsLine(adminUser, vhost)),
    // Nothing of a virtual host is shown to who has no rights there, not even none.
    ...vhosts.map((vhost) => rightsLine(monitorUser, vhost, "^$")),
    ...users.flatMap(({ app, vhosts: mine }) => mine.map(({ name }) => rightsLine(app, name))),
  ];
  return [
    '{\n"users": [\n',
    ...listOf([
      userLine(adminUser, own.admin, ["administrator", stackTag]),
      userLine(monitorUser, own.monitor, ["monitoring", stackTag]),
      ...users.map(({ app, secret: name }) => userLine(app, name, [stackTag])),
    ]),
    '\n],\n"vhosts": [\n',
    ...listOf(vhosts.map((name) => secretText`{"name": "${name}", "default_queue_type": "quorum"}`)),
    '\n],\n"permissions": [\n',
    ...listOf(rights),
    "\n]\n}\n",
  ];
}

function userLine(name: string, password: string, tags: readonly string[]): SecretText {
  const algorithm = "rabbit_password_hashing_sha256";
  return secretText`{"name": "${name}", "password_hash": "${secret(password, "rabbitmq")}", "hashing_algorithm": "${algorithm}", "tags": ${JSON.stringify(tags)}}`;
}

/** `names`: pattern of the queues and exchanges that the user may declare, fill and read. */
function rightsLine(user: string, vhost: string, names = ".*"): SecretText {
  return secretText`{"user": "${user}", "vhost": "${vhost}", "configure": "${names}", "write": "${names}", "read": "${names}"}`;
}

function listOf(items: readonly SecretText[]): SecretText {
  return items.flatMap((item, index) => (index === 0 ? item : [",\n", ...item]));
}
