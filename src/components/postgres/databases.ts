import { didYouMean } from "../../support/suggest.ts";
import type { ComponentUse, OptionProblem } from "../component.ts";
import { databaseNameProblem, type PostgresOptions } from "./options.ts";

/** A database with the role of the same name that owns it. */
export interface Database {
  name: string;
  /** Secret with the role's password. */
  secret: string;
  extensions: string[];
}

/** Which database one `uses` entry gets. */
export interface DatabaseUse {
  app: string;
  part?: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  database: string;
}

export interface DatabasePlan {
  databases: Database[];
  uses: DatabaseUse[];
  problems: OptionProblem[];
}

/**
 * Decides which databases there are and who gets which. Listed ones are all there are: an app then gets the one it
 * names, else the one with its own name, else the only one. Without a list each app gets its own.
 */
export function planDatabases(
  options: Pick<PostgresOptions, "databases">,
  use: Pick<ComponentUse, "key" | "usedBy">,
): DatabasePlan {
  const plan: DatabasePlan = { databases: [], uses: [], problems: [] };
  const add = (name: string, extensions: string[]) => {
    if (plan.databases.some((database) => database.name === name)) return;
    plan.databases.push({ name, secret: `${use.key}_${name}`, extensions });
  };
  for (const { name, extensions } of options.databases ?? []) {
    if (plan.databases.some((database) => database.name === name))
      plan.problems.push({
        path: ["databases"],
        message: `database "${name}" is listed twice`,
        hint: "remove one of them",
      });
    add(name, extensions);
  }
  const listed = options.databases && plan.databases.map((database) => database.name);
  for (const { key: app, part, further } of use.usedBy) {
    const choice = chooseDatabase(use.key, app, part, listed);
    if ("problem" in choice) {
      plan.problems.push(choice.problem);
      continue;
    }
    add(choice.name, []);
    if (plan.uses.some((other) => other.app === app && other.database === choice.name)) continue;
    plan.uses.push({ app, ...(part !== undefined && { part }), ...(further && { further }), database: choice.name });
  }
  return plan;
}

function chooseDatabase(
  key: string,
  app: string,
  part: string | undefined,
  listed: readonly string[] | undefined,
): { name: string } | { problem: OptionProblem } {
  const refuse = (message: string, hint: string) => ({ problem: { path: ["databases"], message, hint } });
  if (listed === undefined) {
    const wrong = databaseNameProblem(part ?? app);
    if (wrong === undefined) return { name: part ?? app };
    return refuse(
      `the database for ${app} cannot be made: ${wrong}`,
      `name one in the uses of ${app}: ${key}/${app}-data`,
    );
  }
  const wanted = part ?? (listed.includes(app) || listed.length !== 1 ? app : listed[0]) ?? app;
  if (listed.includes(wanted)) return { name: wanted };
  if (part !== undefined)
    return refuse(`${app} uses ${key}/${part}, which is not among the databases`, didYouMean(part, listed));
  if (listed.length === 0)
    return refuse(`${app} uses ${key}, whose list of databases is empty`, `write databases: [${app}]`);
  return refuse(
    `${app} uses ${key} without saying which database`,
    `write ${listed.map((name) => `${key}/${name}`).join(" or ")} in the uses of ${app}`,
  );
}
