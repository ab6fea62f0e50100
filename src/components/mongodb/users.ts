import { type AppUser, appUsers } from "../app-users.ts";
import type { ComponentUse, OptionProblem } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import { databaseNameProblem } from "./options.ts";

/** May do everything: the shell, backups. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";

/** A login of one app for one database: the part that it asked for, or one that has the app's name. */
export interface DatabaseUser extends AppUser {
  database: string;
}

/** One login per app and database, in the order of stack.yaml. */
export function databaseUsers(use: Pick<ComponentUse, "key" | "usedBy">): DatabaseUser[] {
  return appUsers(use).map((user) => ({ ...user, database: user.part ?? user.app }));
}

export function nameProblems(users: readonly DatabaseUser[], key: string): OptionProblem[] {
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
export function userList(users: readonly DatabaseUser[], monitor: string | undefined): string {
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
