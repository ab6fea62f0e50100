import type { SecretText } from "../stack/secret-text.ts";
import type { ComponentUse, Connection } from "./component.ts";
import { withPrefix } from "./prefix.ts";

/** A login for one app, or for one part of a server that it asked for. */
export interface AppUser {
  app: string;
  /** What was asked for with `redis/sessions`. */
  part?: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  name: string;
  secret: string;
}

/** One login per app and part, in the order of stack.yaml. */
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

/** What each app is told. Its first login has the plain names, further ones their part in front: `ORDERS_MONGODB_URL`. */
export function appConnections<User extends AppUser>(
  key: string,
  users: readonly User[],
  variables: (user: User) => Record<string, SecretText>,
  dependsOn: Connection["dependsOn"],
): Connection[] {
  return users.map((user, index) => {
    const first = users.findIndex((other) => other.app === user.app) === index;
    return {
      app: user.app,
      from: key,
      ...(user.part !== undefined && { part: user.part }),
      variables: withPrefix([user.further && key, first ? undefined : (user.part ?? user.app)], variables(user)),
      network: key,
      dependsOn,
    };
  });
}
