import { isSecret } from "./secrets-in.ts";

/** Users, passwords and names of databases that a server was set up with. */
export interface OldLogin {
  users: string[];
  passwords: string[];
  databases: string[];
}

/** Reads them from the environment and the command of the old server. Values; never printed. */
export function oldLogin(environment: Readonly<Record<string, string>>, command: readonly string[]): OldLogin {
  const login: OldLogin = { users: [], passwords: [], databases: [] };
  for (const [variable, value] of Object.entries(environment)) {
    if (value === "") continue;
    if (/(USER(NAME)?|ACCESS_KEY(_ID)?|LOGIN)$/i.test(variable)) login.users.push(value);
    else if (/(_DB|DATABASE|_NAME|VHOST|BUCKETS?)$/i.test(variable)) login.databases.push(value);
    else if (isSecret(variable, value)) login.passwords.push(value);
  }
  const words = command.flatMap((word) => word.split(/[\s=]+/));
  words.forEach((word, index) => {
    const next = words[index + 1]?.replace(/^["']|["']$/g, "");
    if (/^--?(requirepass|masterauth|password)$/.test(word) && next !== undefined && next !== "")
      login.passwords.push(next);
  });
  return login;
}
