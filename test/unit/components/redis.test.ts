import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component as redis } from "../../../src/components/redis/index.ts";
import { component as valkey } from "../../../src/components/valkey/index.ts";
import { secret } from "../../../src/stack/secret-text.ts";
import { componentUse } from "../../support/component-use.ts";

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], key = "redis", component = redis) {
  const added = component.contribute(component.options.parse(parse(yaml)), componentUse(key, { usedBy }));
  const acl = added.secrets?.find((file) => file.name === `${key}_acl`);
  return {
    ...added,
    server: added.services?.[0],
    config: added.files?.[0]?.content ?? "",
    acl: acl?.kind === "composed" ? acl.content : [],
  };
}

const optionsOf = (yaml: string) => redis.options.safeParse(parse(yaml));
/** The access list as text, with names in place of hashes. */
const shown = (acl: ReturnType<typeof made>["acl"]) =>
  acl.map((part) => (typeof part === "string" ? part : `<${part.encoding} of ${part.secret}>`)).join("");

describe("who may do what", () => {
  test("nobody without a login, pings for the health check, and each app what is not dangerous", () => {
    expect(shown(made("{}", [{ key: "web" }, { key: "worker" }]).acl).split("\n")).toEqual([
      "user default off resetpass resetkeys resetchannels -@all",
      "user stack_health on nopass resetkeys resetchannels -@all +ping",
      "user stack_admin on #<sha256 of redis_stack_admin> ~* &* +@all",
      "user web on #<sha256 of redis_web> ~* &* +@all -@dangerous +info",
      "user worker on #<sha256 of redis_worker> ~* &* +@all -@dangerous +info",
      "",
    ]);
  });

  test("a part is a prefix of keys and channels, with a login of its own", () => {
    const { acl, connections } = made("{}", [{ key: "web" }, { key: "web", part: "old-jobs" }]);
    expect(shown(acl)).toContain("user web.old-jobs on #<sha256 of redis_web.old-jobs> ~old-jobs:* &old-jobs:* +@all");
    expect(Object.keys(connections?.[1]?.variables ?? {})).toContain("OLD_JOBS_REDIS_URL");
    expect(connections?.[1]?.variables.OLD_JOBS_REDIS_PREFIX).toEqual(["old-jobs", ":"]);
    expect(connections?.[0]?.variables.REDIS_PREFIX).toBeUndefined();
  });

  test("an app that is named twice has one login", () => {
    expect(made("{}", [{ key: "web" }, { key: "web" }]).connections).toHaveLength(1);
  });

  test("commands are given back once each", () => {
    expect(shown(made("{ allow: [flushdb, flushdb, config|get] }").acl)).toContain(
      "-@dangerous +info +flushdb +config|get\n",
    );
  });

  test("the list holds hashes, never passwords", () => {
    expect(
      made()
        .acl.filter((part) => typeof part !== "string")
        .map((part) => part.encoding),
    ).toEqual(["sha256", "sha256"]);
  });
});

test("apps wait until the server knows them; without apps there is nobody to make known", () => {
  expect(made().services?.map((service) => service.name)).toEqual(["redis", "redis-setup"]);
  expect(made().connections?.[0]?.dependsOn).toContainEqual({
    service: "redis-setup",
    condition: "service_completed_successfully",
  });
  expect(made("{}", []).services?.map((service) => service.name)).toEqual(["redis"]);
});

describe("profiles", () => {
  test("durable keeps its data on disk and refuses writes when full", () => {
    const { config, volumes, dataSources, server } = made("{ limits: { memory: 1g } }");
    expect(config).toContain("maxmemory 665mb\nmaxmemory-policy noeviction\n");
    expect(config).toContain("appendonly yes\nappendfsync everysec\nsave 3600 1 300 100 60 10000\n");
    expect(volumes?.map((volume) => volume.name)).toEqual(["redis-data"]);
    expect(dataSources).toHaveLength(1);
    expect(server?.mounts).toContainEqual({ kind: "volume", volume: "redis-data", target: "/data", readOnly: false });
  });

  test("cache writes nothing and evicts", () => {
    const { config, volumes, dataSources, server } = made("{ profile: cache, memory: 100m }");
    expect(config).toContain("maxmemory 65mb\nmaxmemory-policy allkeys-lru\n");
    expect(config).toContain('appendonly no\nsave ""\n');
    expect([volumes, dataSources]).toEqual([[], []]);
    expect(server?.tmpfs?.map((tmpfs) => tmpfs.target)).toEqual(["/tmp", "/data"]);
  });

  test("the choice of what goes when full is the user's", () => {
    expect(made("{ eviction: volatile-ttl }").config).toContain("maxmemory-policy volatile-ttl\n");
  });
});

describe("engines", () => {
  test.each([
    ["redis", "redis:8.2.9-bookworm"],
    ["valkey", "valkey/valkey:9.1.1-trixie"],
  ])("%s", (engine, image) => {
    const { server, files, shortcuts } = made("{}", [{ key: "web" }], "redis", engine === "redis" ? redis : valkey);
    const path = `/usr/local/etc/${engine}/${engine}.conf`;
    expect(server).toMatchObject({ image, entrypoint: [`${engine}-server`, path], user: "999:999" });
    expect(server?.healthcheck?.test[1]).toContain(`${engine}-cli`);
    expect(files?.[0]?.path).toBe(`config/redis/${engine}.conf`);
    expect(shortcuts?.[0]).toMatchObject({ verb: `${engine}-cli` });
    expect(shortcuts?.[0]?.command.join(" ")).toContain(`exec ${engine}-cli`);
  });
});

describe("options", () => {
  test("memory is short for limits.memory", () => {
    expect(optionsOf("{ memory: 64m }").data).toEqual(optionsOf("{ limits: { memory: 64m } }").data);
  });

  test.each([
    "{ engine: valkey }",
    "{ profile: fast }",
    "{ allow: [shutdown] }",
    "{ image: redis }",
    '{ image: "redis:8-alpine" }',
    "{ settings: { requirepass: x } }",
    '{ settings: { "a b": x } }',
    '{ settings: { timeout: "1\\nrequirepass x" } }',
    "{ enigne: redis }",
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ memory: 8m }").problems).toEqual([
      { path: ["limits", "memory"], message: "Redis needs at least 16 MB of memory" },
    ]);
  });

  test("settings: of stack.yaml come last, quoted where the server needs it", () => {
    const { config } = made(
      `{ settings: { notify-keyspace-events: Ex, activedefrag: true, hz: 20, proc-title-template: "it's {title}" } }`,
    );
    expect(config.split("# settings: of stack.yaml\n")[1]).toBe(
      'notify-keyspace-events Ex\nactivedefrag yes\nhz 20\nproc-title-template "it\'s {title}"\n',
    );
  });
});

test("the password stands in the URL percent-encoded, and only as a reference", () => {
  expect(made().connections?.[0]?.variables.REDIS_URL).toEqual([
    "redis://",
    "web",
    ":",
    secret("redis_web", "uri"),
    "@",
    "redis",
    ":",
    "6379",
    "/0",
  ]);
});

test("in a further component of an app every name has its key in front", () => {
  const [connection] = made("{}", [{ key: "web", further: true }], "jobs").connections ?? [];
  expect(Object.keys(connection?.variables ?? {})).toContain("JOBS_REDIS_URL");
});

test("several of one type share no name", () => {
  const names = (key: string) => {
    const { services = [], volumes = [], networks = [], secrets = [], files = [] } = made("{}", [{ key: "web" }], key);
    return [...services, ...volumes, ...networks, ...secrets]
      .map((item) => item.name)
      .concat(files.map((file) => file.path));
  };
  expect(names("a").filter((name) => names("b").includes(name))).toEqual([]);
});
