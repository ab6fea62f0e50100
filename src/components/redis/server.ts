import type { SecretFile } from "../../stack/model.ts";
import { type AppUser, appUsers } from "../app-users.ts";
import type { Component, ComponentUse, Contribution, OptionProblem } from "../component.ts";
import { monitorSecret } from "../monitored.ts";
import { randomPassword } from "../random-secret.ts";
import { memoryProblems, memoryQuestion, type SmallestMemory } from "../smallest-memory.ts";
import { monitorRights } from "./exporter.ts";
import { optionsOf, type RedisOptions, type ServerEngine, titleOf } from "./options.ts";
import { sentinelParts } from "./sentinel.ts";
import { sentinelNames } from "./sentinel-names.ts";
import { replicationUsers } from "./sentinel-secrets.ts";
import { namesOf } from "./services.ts";
import { singleParts } from "./single.ts";
import { aclFile } from "./users.ts";

/** The component of one engine. Redis and Valkey differ in name, image and programs, and in nothing else. */
export function serverComponent(engine: ServerEngine): Component<RedisOptions> {
  const title = titleOf({ engine });
  return {
    type: engine,
    about: `${title}: cache, queue, sessions; alone, or three of them with sentinels`,
    options: optionsOf(engine),
    namesLike: "redis",
    questions: [
      {
        path: ["profile"],
        message: `${title} keeps its data over restarts (durable), or is a cache that forgets`,
        kind: "select",
        choices: ["durable", "cache"],
        default: "durable",
      },
      memoryQuestion(smallest(title), "256m"),
    ],
    contribute,
  };
}

function contribute(options: RedisOptions, use: ComponentUse): Contribution {
  const parts = options.mode === "sentinel" ? sentinelParts(options, use) : singleParts(options, use);
  return {
    ...parts,
    secrets: [...secretsOf(use, appUsers(use), options), ...(parts.secrets ?? [])],
    hostNeeds: [
      {
        sysctl: "vm.overcommit_memory",
        minimum: 1,
        advisory: true,
        reason: "saving to disk copies the process, which can fail under memory pressure without it",
      },
    ],
    problems: [...(parts.problems ?? []), ...problemsOf(options)],
  };
}

/** The passwords, and the list of users that every server reads. */
function secretsOf({ key, monitored }: ComponentUse, users: readonly AppUser[], options: RedisOptions): SecretFile[] {
  const names = namesOf(key);
  const monitor = monitored ? { secret: monitorSecret(key), rights: monitorRights(options) } : undefined;
  return [
    randomPassword(names.admin, `Password of the administrator of ${key}`),
    ...users.map((user) => randomPassword(user.secret, `Password of ${user.name} at ${key}`)),
    {
      name: names.acl,
      about: `Who may do what at ${key}, with hashes of the passwords`,
      mode: 0o444,
      kind: "composed",
      content: aclFile(users, {
        adminSecret: names.admin,
        allow: options.allow,
        ...(monitor && { monitor }),
        ...(options.mode === "sentinel" && { replication: replicationUsers(sentinelNames(key)) }),
      }),
    },
  ];
}

function problemsOf(options: RedisOptions): OptionProblem[] {
  return [
    ...memoryProblems(smallest(titleOf(options)), options.limits),
    ...(options.proxy && options.mode === "single"
      ? [
          {
            path: ["proxy"],
            message: "a proxy follows the primary, and there is one server only",
            hint: "remove it, or add mode: sentinel",
          },
        ]
      : []),
  ];
}

/** Below this nothing useful fits beside the server itself. */
function smallest(name: string): SmallestMemory {
  return { name, bytes: 16 * 1024 ** 2 };
}
