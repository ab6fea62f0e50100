import type { ComponentUse, OptionProblem } from "../component.ts";
import { commonVhost, placed, type RabbitmqOptions, vhostProblem } from "./options.ts";

/** One app with its login and the virtual hosts that it may use. */
export interface AppUser {
  app: string;
  /** Secret with the password. */
  secret: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  /** In the order of its `uses`; the first has the plain names. `part`: as the app names it. */
  vhosts: { name: string; part?: string }[];
}

export interface VhostPlan {
  vhosts: string[];
  users: AppUser[];
  problems: OptionProblem[];
}

/**
 * One user per app, with rights to the virtual hosts that it names (`rabbitmq/orders`), or to the one that apps share:
 * a server and its worker meet there without being told.
 */
export function planVhosts(
  { queues, exchanges }: Pick<RabbitmqOptions, "queues" | "exchanges">,
  { key, usedBy }: Pick<ComponentUse, "key" | "usedBy">,
): VhostPlan {
  const users: AppUser[] = [];
  const problems: OptionProblem[] = [];
  for (const { key: app, part, further } of usedBy) {
    const wrong = part === undefined ? undefined : vhostProblem(part);
    if (wrong !== undefined)
      problems.push({ path: [], message: `${app} uses ${key}/${part}: ${wrong}`, hint: "rename it in its uses" });
    const known = users.find((user) => user.app === app);
    const user = known ?? { app, secret: `${key}_${app}`, ...(further && { further }), vhosts: [] };
    if (known === undefined) users.push(user);
    const name = part ?? commonVhost;
    if (user.vhosts.every((vhost) => vhost.name !== name))
      user.vhosts.push({ name, ...(part !== undefined && { part }) });
  }
  const declared = [...Object.keys(queues), ...Object.keys(exchanges)].map((name) => placed(name).vhost);
  const used = users.flatMap(({ vhosts }) => vhosts.map(({ name }) => name));
  const vhosts = [...new Set([...used, ...declared])];
  return { vhosts: vhosts.length === 0 ? [commonVhost] : vhosts, users, problems };
}
