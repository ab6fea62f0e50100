import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/elk/index.ts";
import { secretsIn } from "../../../src/stack/secret-text.ts";
import { componentUse } from "../../support/component-use.ts";
import { settingProblems, settingsIn } from "../../support/documented.ts";
import { elasticsearchReference, kibanaReference, kibanaSecretReference, logstashReference } from "./logs-reference.ts";

const optionsOf = (yaml: string) => component.options.parse(parse(yaml));

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", parts: Partial<ComponentUse> = {}) {
  const added = component.contribute(optionsOf(yaml), componentUse("elk", parts));
  return {
    ...added,
    file: (name: string) => added.files?.find(({ path }) => path === `config/elk/${name}`)?.content ?? "",
    service: (name: string) => added.services?.find((service) => service.name === `elk-${name}`),
  };
}

describe("every setting is one of its server's reference, of its type", () => {
  const { file, secrets } = made("{ host: kibana.example.com }");
  test("elasticsearch.yml", () =>
    expect(settingProblems(file("elasticsearch.yml"), elasticsearchReference)).toEqual([]));
  test("logstash.yml", () => expect(settingProblems(file("logstash.yml"), logstashReference)).toEqual([]));
  test("kibana.yml", () => expect(settingProblems(file("kibana.yml"), kibanaReference)).toEqual([]));
  test("the part of kibana.yml that is a secret", () => {
    const composed = secrets?.find(({ name }) => name === "elk_kibana.yml");
    const text =
      composed?.kind === "composed"
        ? composed.content.map((part) => (typeof part === "string" ? part : "x".repeat(64))).join("")
        : "";
    expect(settingProblems(text, kibanaSecretReference)).toEqual([]);
  });
});

test("version is the last release of its line, the same for all three", () => {
  const images = (yaml: string) =>
    made(yaml)
      .services?.map(({ image }) => image)
      .filter((image) => /^(elastic|log|kib)/.test(image));
  expect(images("{ version: 8 }")).toEqual([
    "elasticsearch:8.19.20",
    "elasticsearch:8.19.20",
    "logstash:8.19.20",
    "kibana:8.19.20",
  ]);
  expect(new Set(images("{}")?.map((image) => image.split(":")[1]))).toEqual(new Set(["9.5.2"]));
  expect(component.options.safeParse({ version: 7 }).success).toBe(false);
});

test("half of each Java server's memory is heap", () => {
  const { service } = made("{ limits: { memory: 3g }, logstash: { limits: { memory: 768m } } }");
  expect(service("elasticsearch")?.environment?.ES_JAVA_OPTS).toBe("-Xms1536m -Xmx1536m");
  expect(service("logstash")?.environment?.LS_JAVA_OPTS).toBe("-Xms384m -Xmx384m");
  expect(made("{ limits: { memory: 512m } }").problems).toMatchObject([
    { message: "Elasticsearch needs at least 1 GB of memory" },
  ]);
});

describe("who may do what", () => {
  test("security is on, with no password in any file but those of secrets/", () => {
    const { file, files, secrets } = made("{}", { monitored: true });
    expect(settingsIn(file("elasticsearch.yml"))["xpack.security.enabled"]).toBe(true);
    expect(settingsIn(file("kibana.yml"))["elasticsearch.username"]).toBe("kibana_system");
    expect(
      files?.filter(({ content }) => /password["']?\s*(:|=>)\s*["'][^"'$]/.test(content)).map(({ path }) => path),
    ).toEqual([]);
    expect(secrets?.filter(({ kind }) => kind === "random")).toHaveLength(7);
    const composed = secrets?.find(({ kind }) => kind === "composed");
    expect(composed?.kind === "composed" && secretsIn(composed.content)).toEqual([
      "elk_kibana_system",
      "elk_kibana_sessions",
      "elk_kibana_objects",
      "elk_kibana_reports",
    ]);
  });

  test("Logstash may add lines, and neither read nor remove any", () => {
    const [role] = bodiesOf(made().file("setup.sh"), "/_security/role/logstash_writer");
    expect(role).toEqual({
      cluster: ["monitor"],
      indices: [{ names: ["logs-shop-*"], privileges: ["auto_configure", "create_doc"] }],
    });
  });

  test("who measures sees the state, not the lines; nobody measures where the stack is not monitored", () => {
    expect(bodiesOf(made("{}", { monitored: true }).file("setup.sh"), "/_security/role/stack_monitor")).toEqual([
      { cluster: ["monitor"], indices: [{ names: ["*"], privileges: ["monitor"] }] },
    ]);
    expect(made().file("setup.sh")).not.toContain("stack_monitor");
    expect(made().service("exporter")).toBeUndefined();
  });

  test("apps reach Logstash, and neither Elasticsearch nor Kibana", () => {
    const { services, connections } = made("{}", { usedBy: [{ key: "server" }] });
    const [connection] = connections ?? [];
    expect(connection).toMatchObject({
      app: "server",
      network: "elk",
      variables: { LOGSTASH_HOST: ["elk-logstash"], LOGSTASH_PORT: ["5000"] },
      // Not waited for: an app must not stay down because its log has nowhere to go.
      dependsOn: [{ service: "elk-logstash", condition: "service_started" }],
    });
    expect(services?.filter(({ networks }) => networks.includes("elk")).map(({ name }) => name)).toEqual([
      "elk-logstash",
    ]);
  });
});

/** JSON bodies that setup.sh sends to a path. */
function bodiesOf(script: string, path: string): unknown[] {
  return [...script.matchAll(/^ask [A-Z]+ (\S+) <<'BODY'\n([\s\S]*?)\nBODY$/gm)]
    .filter(([, asked]) => asked === path)
    .map(([, , body = ""]) => JSON.parse(body) as unknown);
}

describe("how long and how much", () => {
  const { file } = made("{ retention: 7d, rollover: 2g }", { stack: "my-shop" });
  test("an index is closed by age and size, and removed by age", () => {
    expect(bodiesOf(file("setup.sh"), "/_ilm/policy/my_shop-logs")).toEqual([
      {
        policy: {
          phases: {
            hot: { min_age: "0ms", actions: { rollover: { max_age: "1d", max_primary_shard_size: "2gb" } } },
            delete: { min_age: "168h", actions: { delete: {} } },
          },
        },
      },
    ]);
  });

  test("indices of lines have that policy and no copies, and an app's fields cannot spoil another's", () => {
    const [template] = bodiesOf(file("setup.sh"), "/_index_template/my_shop-logs") as [
      { index_patterns: string[]; template: { settings: object; mappings: { properties: object } } },
    ];
    expect(template.index_patterns).toEqual(["logs-my_shop-*"]);
    expect(template.template.settings).toMatchObject({
      "index.lifecycle.name": "my_shop-logs",
      "index.number_of_replicas": 0,
    });
    expect(template.template.mappings.properties).toMatchObject({ app: { type: "flattened" } });
  });

  test("lines go where the template and the role are for", () => {
    expect(file("pipeline/main.conf")).toContain('data_stream_dataset => "my_shop"');
    expect(file("pipeline/main.conf")).toContain("port => 5000");
  });
});

test("a small host is refused unless it was forced, and is told what Loki needs", () => {
  expect(made().hostNeeds).toMatchObject([
    { memory: 8 * 1024 ** 3, advisory: false, hint: expect.stringContaining("loki") },
    { sysctl: "vm.max_map_count", minimum: 262_144, advisory: false },
  ]);
  expect(made("{ force: true }").hostNeeds?.map(({ advisory }) => advisory)).toEqual([true, true]);
});

test("Kibana is public only with a host name; its login is the superuser's", () => {
  const [closed, open] = [made(), made("{ host: kibana.example.com }")];
  expect(closed.routeNeeds).toEqual([]);
  expect(closed.consoles).toEqual([expect.not.objectContaining({ host: expect.anything() })]);
  expect(open.routeNeeds).toMatchObject([{ service: "elk-kibana", host: "kibana.example.com", port: 5601 }]);
  expect(open.consoles).toMatchObject([
    { name: "kibana", host: "kibana.example.com", login: { user: "elastic", password: "elk_elastic" } },
  ]);
  expect(open.service("kibana")?.networks).toEqual(["edge", "elk-store"]);
  expect(settingsIn(open.file("kibana.yml"))["server.publicBaseUrl"]).toBe("https://kibana.example.com");
  expect(closed.file("kibana.yml")).not.toContain("publicBaseUrl");
});

test("Logstash takes every file of pipeline/ for a part of it: nothing else lies there", () => {
  const paths = made().files?.map(({ path }) => path) ?? [];
  expect(paths.filter((path) => path.startsWith("config/elk/pipeline/"))).toEqual(["config/elk/pipeline/main.conf"]);
});

test("nothing is backed up, and it is said why", () => {
  expect(made().dataSources).toBeUndefined();
  expect(made().unprotected?.map(({ name }) => name)).toEqual([
    "elk-elasticsearch-data",
    "elk-logstash-data",
    "elk-alloy-data",
  ]);
});
