import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { ComponentUse, OptionProblem } from "../component.ts";
import { monitorUser } from "../monitored.ts";
import type { KafkaOptions } from "./options.ts";

/** May do everything: set-up, shell, health check, and the server towards itself. No app can have this name, because keys hold no underscore. */
export const adminUser = "stack_admin";

/** The login of one app, and what it may use. */
export interface AppUser {
  /** Name of the login: the app's key. */
  name: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  secret: string;
  /** Topics that it reads and writes. */
  topics: string[];
  /** Beginnings of such topics. */
  prefixes: string[];
  /** Topics, and beginnings of topics, that are its own: it makes and removes them. */
  own: string[];
}

/** One or more rights in the words of kafka-acls.sh; each is one call of it. */
export interface AccessRule {
  user: string;
  pattern: "literal" | "prefixed";
  operations: string[];
  /** `--topic`, `orders`, `--group`, … */
  resources: string[];
}

/**
 * Who uses what. `kafka/orders` is the topic `orders` of stack.yaml, or all of them that begin with `orders.`; `kafka` is
 * every topic of stack.yaml. Where stack.yaml names no topics, `orders` and all that begins with `orders.` are the app's own.
 */
export function planUsers(
  options: Pick<KafkaOptions, "topics">,
  { key, usedBy }: Pick<ComponentUse, "key" | "usedBy">,
): { users: AppUser[]; problems: OptionProblem[] } {
  const listed = Object.keys(options.topics);
  const users: AppUser[] = [];
  const problems: OptionProblem[] = [];
  for (const { key: app, part, further } of usedBy) {
    const user = userOf(users, app, { secret: `${key}_${app}`, ...(further && { further }) });
    if (part === undefined) addTo(user.topics, ...listed);
    else if (listed.includes(part)) addTo(user.topics, part);
    else if (listed.some((topic) => topic.startsWith(`${part}.`))) addTo(user.prefixes, `${part}.`);
    else if (listed.length === 0) addTo(user.own, part, `${part}.`);
    else
      problems.push({
        path: ["topics"],
        message: `${app} uses ${key}/${part}, which is not among the topics`,
        hint: didYouMean(part, listed),
      });
  }
  return { users, problems };
}

function userOf(users: AppUser[], name: string, made: Pick<AppUser, "secret" | "further">): AppUser {
  const known = users.find((user) => user.name === name);
  if (known !== undefined) return known;
  const user: AppUser = { name, ...made, topics: [], prefixes: [], own: [`${name}.`] };
  users.push(user);
  return user;
}

function addTo(list: string[], ...items: string[]): void {
  for (const item of items) if (!list.includes(item)) list.push(item);
}

const use = ["Read", "Write", "Describe", "DescribeConfigs"];

/**
 * What an app may do: read and write its topics; everything below its own name, where stream processors keep what they
 * need; and its own consumer groups, or any.
 */
export function accessRules(user: AppUser, groups: KafkaOptions["groups"]): AccessRule[] {
  const named = (option: string, names: readonly string[]) => names.flatMap((name) => [option, name]);
  const isPrefix = (name: string) => name.endsWith(".");
  const own = [`${user.name}.`];
  const rules: AccessRule[] = [
    { user: user.name, pattern: "literal", operations: use, resources: named("--topic", user.topics) },
    { user: user.name, pattern: "prefixed", operations: use, resources: named("--topic", user.prefixes) },
    {
      user: user.name,
      pattern: "prefixed",
      operations: ["All"],
      resources: [
        ...named("--topic", user.own.filter(isPrefix)),
        ...named("--group", own),
        ...named("--transactional-id", own),
      ],
    },
    {
      user: user.name,
      pattern: "literal",
      operations: ["All"],
      resources: [
        ...named(
          "--topic",
          user.own.filter((name) => !isPrefix(name)),
        ),
        ...named("--group", groups === "any" ? ["*"] : [user.name]),
        ...named("--transactional-id", [user.name]),
      ],
    },
  ];
  return rules.filter(({ resources }) => resources.length > 0);
}

/** The exporter sees names, offsets and sizes of everything, and records of nothing but its own probe. */
export function monitorRules(): AccessRule[] {
  const all = ["--topic", "*", "--group", "*"];
  return [
    { user: monitorUser, pattern: "literal", operations: ["Describe"], resources: [...all, "--cluster"] },
    { user: monitorUser, pattern: "literal", operations: ["DescribeConfigs"], resources: ["--topic", "*"] },
    {
      user: monitorUser,
      pattern: "prefixed",
      operations: ["All"],
      resources: ["--topic", probePrefix, "--group", probePrefix],
    },
  ];
}

/** Topics and groups with which the exporter measures how long a record takes. */
export const probePrefix = `${monitorUser}.`;

/**
 * Logins that the server knows before it can read its own list of users (Java's JAAS format): the administrator, as
 * whom it also speaks to itself; and the same for commands beside it.
 */
export function jaasFile(adminSecret: string): SecretText {
  const plain = "org.apache.kafka.common.security.plain.PlainLoginModule required";
  const login = secretText`username="${adminUser}" password="${secret(adminSecret, "json")}"`;
  const known = secretText`user_${adminUser}="${secret(adminSecret, "json")}"`;
  const server = (listener: string) => secretText`${listener}.KafkaServer { ${plain} ${login} ${known}; };\n`;
  return [
    ...server("stack"),
    ...server("controller"),
    "apps.KafkaServer { org.apache.kafka.common.security.scram.ScramLoginModule required; };\n",
    ...secretText`KafkaClient { ${plain} ${login}; };\n`,
  ];
}
