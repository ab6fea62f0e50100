import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { component as redis } from "../../../src/components/redis/index.ts";
import { component as valkey } from "../../../src/components/valkey/index.ts";
import { composeSecret } from "../../../src/generator/secret-files.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

/** What the component adds with sentinels and these options, used by the app `web`. */
function made(yaml = "{}", monitored = false, component = redis) {
  const options = component.options.parse({ mode: "sentinel", ...parse(yaml) });
  const added = component.contribute(options, componentUse("cache", { usedBy: [{ key: "web" }], monitored }));
  return {
    ...added,
    names: added.services?.map(({ name }) => name),
    service: (name: string) => added.services?.find((candidate) => candidate.name === name),
    file: (name: string) => added.files?.find(({ path }) => path === `config/cache/${name}`)?.content ?? "",
    secret(name: string) {
      const found = added.secrets?.find((candidate) => candidate.name === name);
      return found?.kind === "composed" ? (composeSecret(found.content, (of) => `<${of}>`) ?? "") : undefined;
    },
  };
}

describe("three servers and three sentinels", () => {
  test("stand on one internal network, each with a volume of its own", () => {
    const { names, volumes, networks } = made();
    expect(names).toEqual([
      "cache-seed",
      "cache-1",
      "cache-2",
      "cache-3",
      "cache-sentinel-1",
      "cache-sentinel-2",
      "cache-sentinel-3",
      "cache-setup",
    ]);
    expect(volumes?.map(({ name }) => name)).toHaveLength(6);
    expect(networks).toEqual([{ name: "cache", about: "Apps that use cache", internal: true }]);
  });

  test("go by names, which a container keeps, and not by addresses", () => {
    const { file } = made();
    expect(file("sentinel.conf")).toContain("sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n");
    expect(file("server.sh")).toContain('echo "replica-announce-ip $name"');
    expect(file("sentinel.sh")).toContain('echo "sentinel announce-ip $name"');
  });

  test.each([
    ["3s", 3_000, 2],
    ["5s", 5_000, 3],
    ["20s", 20_000, 18],
  ])("after %s of silence another takes over, and the former one has stopped taking writes", (after, silent, lag) => {
    const { file } = made(`{ failoverAfter: ${after} }`);
    expect(file("sentinel.conf")).toContain(`\nsentinel down-after-milliseconds cache ${silent}\n`);
    expect(file("redis.conf")).toContain(`\nmin-replicas-to-write 1\nmin-replicas-max-lag ${lag}\n`);
  });

  test("a single server has nothing of it", () => {
    const single = redis.contribute(redis.options.parse({}), componentUse("cache"));
    expect(single.files?.[0]?.content).not.toMatch(/min-replicas/);
    expect(single.actions).toBeUndefined();
  });
});

describe("logins between them", () => {
  test("replicas may fetch and nothing else, sentinels may watch and give roles", () => {
    const lines = made().secret("cache_acl")?.split("\n") ?? [];
    expect(lines.find((line) => line.startsWith("user stack_replica "))).toMatch(
      /^user stack_replica on #\w+ resetkeys resetchannels -@all \+psync \+replconf \+ping$/,
    );
    const sentinel = lines.find((line) => line.startsWith("user stack_sentinel ")) ?? "";
    expect(sentinel).toMatch(/ resetkeys resetchannels &__sentinel__:hello -@all /);
    expect(sentinel).not.toMatch(/\+@|config\|(get|set)|~/);
  });

  test("sentinels ask for a login too, and tell an app no more than where the primary is", () => {
    const lines = made().secret("cache_sentinel_acl")?.split("\n") ?? [];
    expect(lines[0]).toBe("user default off resetpass resetkeys resetchannels -@all");
    const app = lines.find((line) => line.startsWith("user web ")) ?? "";
    expect(app).toContain("+sentinel|get-master-addr-by-name");
    expect(app).not.toMatch(/\+@|sentinel\|(failover|set|remove|monitor|reset|config)/);
  });

  test("a password is quoted as the server reads it", () => {
    const found = redis
      .contribute(redis.options.parse({ mode: "sentinel" }), componentUse("cache"))
      .secrets?.find(({ name }) => name === "cache_replica_conf");
    if (found?.kind !== "composed") throw new Error("no secret");
    expect(composeSecret(found.content, () => 'a"b\\c d')).toContain('masterauth "a\\"b\\\\c d"\n');
  });
});

describe("apps", () => {
  test("are told whom to ask, and with a proxy also a plain address", () => {
    const names = (yaml?: string) => Object.keys(made(yaml).connections?.[0]?.variables ?? {});
    expect(names()).toEqual([
      "REDIS_SENTINELS",
      "REDIS_MASTER_NAME",
      "REDIS_SENTINEL_URL",
      "REDIS_SENTINEL_USERNAME",
      "REDIS_SENTINEL_PASSWORD",
      "REDIS_USERNAME",
      "REDIS_PASSWORD",
    ]);
    expect(names("{ proxy: true }")).toEqual(expect.arrayContaining(["REDIS_SENTINELS", "REDIS_URL", "REDIS_HOST"]));
    const variables = made("{ proxy: true }").connections?.[0]?.variables;
    expect(variables?.REDIS_HOST).toEqual(["cache-proxy"]);
    expect(variables?.REDIS_SENTINELS?.join("")).toBe(
      "cache-sentinel-1:26379,cache-sentinel-2:26379,cache-sentinel-3:26379",
    );
  });

  test("wait until the primary takes writes, also where a server is missing", () => {
    expect(made().connections?.[0]?.dependsOn).toEqual([
      { service: "cache-setup", condition: "service_completed_successfully" },
    ]);
    expect(
      made()
        .service("cache-setup")
        ?.dependsOn?.every(({ condition }) => condition === "service_started"),
    ).toBe(true);
  });

  test("of Redis and Valkey an app has the plain names of the first it uses", () => {
    const model = modelOf(stackOf('web: { type: app, image: "a/b:1", uses: [valkey, redis] }\nredis: {}\nvalkey: {}'));
    const env = model.secrets.find(({ name }) => name === "web.env");
    const text = env?.kind === "composed" ? (composeSecret(env.content, () => "x") ?? "") : "";
    expect(text).toContain("\nREDIS_URL=redis://web:x@valkey:6379/0\n");
    expect(text).toContain("\nREDIS_REDIS_URL=redis://web:x@redis:6379/0\n");
  });
});

test("the proxy gives a server connections only while two sentinels name it and it says so itself", () => {
  const config = made("{ proxy: true }").file("haproxy.cfg");
  expect(config).toContain("use_backend cache-2 if { nbsrv(named-cache-2) ge 2 } { nbsrv(cache-2) ge 1 }");
  expect(config.match(/on-marked-down shutdown-sessions/g)).toHaveLength(3);
});

test("a restore fills the first server, and empties all that is made of it", () => {
  const [source] = made().dataSources ?? [];
  expect(source).toMatchObject({
    name: "cache",
    service: "cache-1",
    volume: "cache-1-data",
    standIns: ["cache-2", "cache-3"],
  });
  expect(source?.follows?.map(({ volume }) => volume)).toEqual([
    "cache-2-data",
    "cache-3-data",
    "cache-sentinel-1-data",
    "cache-sentinel-2-data",
    "cache-sentinel-3-data",
  ]);
});

test("each server has an exporter, and one sentinel", () => {
  expect(made("{}", true).scrapes?.map(({ job }) => job)).toEqual([
    "cache-1",
    "cache-2",
    "cache-3",
    "cache-sentinel-1",
  ]);
});

test("Valkey has all of it by its own name", () => {
  const { actions, shortcuts, service, alertRules } = made("{}", true, valkey);
  expect(actions?.[0]).toMatchObject({ verb: "valkey", word: "failover" });
  expect(shortcuts?.[0]?.verb).toBe("valkey-cli");
  expect(service("cache-sentinel-1")?.image).toMatch(/^valkey\/valkey:/);
  expect(alertRules?.every(({ name }) => name.startsWith("Valkey"))).toBe(true);
});

test.each([
  ["mode: sentinel, profile: cache", "a cache that forgets cannot have sentinels"],
  ["mode: sentinel, settings: { replicaof: a 1 }", "replicaof is decided by the sentinels"],
  ["proxy: true", "a proxy follows the primary, and there is one server only"],
  ["mode: sentinel, failoverAfter: 1s", "expected from 3s to 60s"],
])("{ %s } is refused", (options, message) => {
  const complaint = () => complaintsOf(stackOf(`redis: { ${options} }`));
  expect(complaint()).toContain(message);
});
