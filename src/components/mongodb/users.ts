import type { ComponentUse, OptionProblem } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import { databaseNameProblem } from "./options.ts";

/** May do everything: the shell, backups. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";

/** A login of one app for one database. */
export interface AppUser {
  app: string;
  /** `mongodb/orders` asks for that database; without it the database has the app's name. */
  part?: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  database: string;
  name: string;
  secret: string;
}

/** One login per app and database, in the order of stack.yaml. */
export function appUsers({ key, usedBy }: Pick<ComponentUse, "key" | "usedBy">): AppUser[] {
  const users: AppUser[] = [];
  for (const { key: app, part, further } of usedBy) {
    const name = part === undefined ? app : `${app}.${part}`;
    if (users.some((user) => user.name === name)) continue;
    users.push({
      app,
      ...(part !== undefined && { part }),
      ...(further && { further }),
      database: part ?? app,
      name,
      secret: `${key}_${name}`,
    });
  }
  return users;
}

export function nameProblems(users: readonly AppUser[], key: string): OptionProblem[] {
  return users.flatMap(({ app, database }) => {
    const wrong = databaseNameProblem(database);
    if (wrong === undefined) return [];
    return [
      {
        path: [],
        message: `the database for ${app} cannot be made: ${wrong}`,
        hint: `write ${key}/${app}-data in its uses`,
      },
    ];
  });
}

/** What the set-up makes, as it stands in its script: names, roles, and the secret's file of each. */
export function userList(users: readonly AppUser[], monitor: string | undefined): string {
  const wanted = [
    ...users.map(({ name, database, secret }) => ({ name, secret, roles: [{ role: "readWrite", db: database }] })),
    ...(monitor === undefined
      ? []
      : [
          {
            name: monitorUser,
            secret: monitor,
            // What https://github.com/percona/mongodb_exporter asks for.
            roles: [
              { role: "clusterMonitor", db: "admin" },
              { role: "read", db: "local" },
            ],
          },
        ]),
  ];
  return wanted.map((user) => `  ${JSON.stringify(user)},`).join("\n");
}
