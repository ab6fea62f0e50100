import type { ComponentUse } from "./component.ts";

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
