import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/kafka/index.ts";
import { heapOf, partitionLimits } from "../../../src/components/kafka/settings.ts";
import { secret } from "../../../src/stack/secret-text.ts";
import { componentUse } from "../../support/component-use.ts";

const megabyte = 1024 ** 2;

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], key = "kafka", monitored = false) {
  const use = { ...componentUse(key, { usedBy }), monitored };
  const added = component.contribute(component.options.parse(parse(yaml)), use);
  const file = (name: string) => added.files?.find(({ path }) => path === `config/${key}/${name}`)?.content ?? "";
  return {
    ...added,
    server: added.services?.[0],
    properties: file("server.properties"),
    /** The lines of the set-up that say what is wanted. */
    wanted: file("setup.sh")
      .split("\n")
      .filter((line) => /^(user|rule|topic) /.test(line)),
  };
}

const optionsOf = (yaml: string) => component.options.safeParse(parse(yaml));

describe("who may do what", () => {
  test("an app that names no topic has all of stack.yaml, its own name's, and its own groups", () => {
    expect(made("{ topics: { orders: {}, payments: {} } }").wanted.slice(0, 4)).toEqual([
      "user web kafka_web",
      "rule web literal 'Read Write Describe DescribeConfigs' --topic orders --topic payments",
      "rule web prefixed 'All' --topic web. --group web. --transactional-id web.",
      "rule web literal 'All' --group web --transactional-id web",
    ]);
  });

  test("a part is a topic, or all that begin with it and a dot", () => {
    const parts = (part: string) =>
      made("{ topics: { orders: {}, mail.out: {}, mail.in: {} } }", [{ key: "web", part }]).wanted[1];
    expect(parts("orders")).toBe("rule web literal 'Read Write Describe DescribeConfigs' --topic orders");
    expect(parts("mail")).toBe("rule web prefixed 'Read Write Describe DescribeConfigs' --topic mail.");
  });

  test("without topics in stack.yaml a part is the app's own, which it makes itself", () => {
    expect(made("{}", [{ key: "web", part: "clicks" }]).wanted).toEqual([
      "user web kafka_web",
      "rule web prefixed 'All' --topic web. --topic clicks. --group web. --transactional-id web.",
      "rule web literal 'All' --topic clicks --group web --transactional-id web",
    ]);
  });

  test("a misspelled topic is told", () => {
    expect(made("{ topics: { orders: {} } }", [{ key: "web", part: "oders" }]).problems).toEqual([
      {
        path: ["topics"],
        message: "web uses kafka/oders, which is not among the topics",
        hint: expect.stringContaining("orders"),
      },
    ]);
  });

  test("an app that is named twice has one login with both topics", () => {
    const { wanted, connections } = made("{ topics: { a: {}, b: {}, c: {} } }", [
      { key: "web", part: "a" },
      { key: "web", part: "b" },
    ]);
    expect(wanted[1]).toBe("rule web literal 'Read Write Describe DescribeConfigs' --topic a --topic b");
    expect(connections).toHaveLength(1);
  });

  test("groups: any opens every consumer group", () => {
    expect(made("{ groups: any }").wanted).toContain("rule web literal 'All' --group '*' --transactional-id web");
  });

  test("the exporter sees everything and reads no record but its own", () => {
    const { wanted } = made("{}", [], "kafka", true);
    expect(wanted.filter((line) => line.startsWith("rule"))).toEqual([
      "rule stack_monitor literal 'Describe' --topic '*' --group '*' --cluster",
      "rule stack_monitor literal 'DescribeConfigs' --topic '*'",
      "rule stack_monitor prefixed 'All' --topic stack_monitor. --group stack_monitor.",
    ]);
    expect(wanted.at(-1)).toMatch(/^topic stack_monitor\.probe 1 /);
  });

  test("who has no right has none, and only the stack's own user has all", () => {
    expect(made().properties).toContain("super.users=User:stack_admin\nallow.everyone.if.no.acl.found=false\n");
  });
});

describe("topics", () => {
  test("have limits by age and by size, a share for each partition", () => {
    const { wanted } = made("{ topics: { orders: { partitions: 4, retention: 2d, size: 64m } } }");
    expect(wanted.at(-1)).toBe(
      `topic orders 4 cleanup.policy=delete retention.ms=172800000 retention.bytes=${12 * megabyte} segment.bytes=${4 * megabyte}`,
    );
  });

  test("a compacted one is kept whatever its age and size", () => {
    expect(made("{ topics: { users: { compact: true } } }").wanted.at(-1)).toBe(
      `topic users 1 cleanup.policy=compact segment.bytes=${256 * megabyte}`,
    );
  });

  test("an empty entry has what is usual", () => {
    expect(made("topics:\n  orders:\n").wanted.at(-1)).toMatch(/^topic orders 1 .*retention.ms=604800000 /);
  });

  test.each([4, 9, 64, 1024, 100_000].map((size) => size * megabyte))(
    "a partition of %d bytes never takes more, as its newest file stays",
    (bytes) => {
      const { segmentBytes, retentionBytes } = partitionLimits(bytes);
      expect(retentionBytes + segmentBytes).toBe(bytes);
      expect(segmentBytes).toBeGreaterThanOrEqual(megabyte);
    },
  );

  test("too many partitions for their size are told", () => {
    expect(made("{ topics: { orders: { partitions: 20, size: 64m } } }").problems).toEqual([
      {
        path: ["topics", "orders"],
        message: "the topic orders has 20 partitions in 64 MB: too little for their smallest files",
        hint: "write size: 80m or more, or fewer partitions",
      },
    ]);
  });
});

describe("the server", () => {
  test("has its heap from its limit, and room beside it", () => {
    expect(made("{ memory: 2g }").server?.environment?.KAFKA_HEAP_OPTS).toBe("-Xms480m -Xmx960m");
    expect(heapOf(640 * megabyte)).toBe(256 * megabyte);
  });

  test("keeps its log on the volume, below the folder where a disk has its lost+found", () => {
    const { properties, server } = made();
    expect(properties).toContain("log.dirs=/var/lib/kafka/data/log\n");
    expect(server?.mounts).toContainEqual({
      kind: "volume",
      volume: "kafka-data",
      target: "/var/lib/kafka/data",
      readOnly: false,
    });
  });

  test("has the administrator's password in a file alone", () => {
    const { secrets, server } = made();
    const jaas = secrets?.find(({ name }) => name === "kafka_jaas");
    expect(jaas?.kind === "composed" && jaas.content.filter((part) => typeof part !== "string")).toEqual(
      Array(5).fill(secret("kafka_stack_admin", "json")),
    );
    expect(JSON.stringify(server?.environment)).toContain("/run/secrets/kafka_jaas");
  });

  test("without apps and topics there is nothing to set up", () => {
    expect(made("{}", []).services?.map(({ name }) => name)).toEqual(["kafka"]);
  });

  test("settings: of stack.yaml come last", () => {
    const { properties } = made("{ settings: { message.max.bytes: 5242880, delete.topic.enable: false } }");
    expect(properties.split("# settings: of stack.yaml\n")[1]).toBe(
      "message.max.bytes=5242880\ndelete.topic.enable=false\n",
    );
  });
});

describe("backup", () => {
  test.each(["pause", "stop"] as const)("%s", (backup) => {
    const { dataSources, unprotected } = made(`{ backup: ${backup} }`);
    expect(dataSources).toEqual([
      { name: "kafka", kind: "volume", service: "kafka", volume: "kafka-data", consistency: { kind: backup } },
    ]);
    expect(unprotected).toEqual([]);
  });

  test("none is told with its reason", () => {
    const { dataSources, unprotected } = made("{ backup: none, retention: 2d }");
    expect(dataSources).toEqual([]);
    expect(unprotected?.[0]?.reason).toMatch(/^stack.yaml says so; records live 48h/);
  });
});

describe("options", () => {
  test.each([
    "{ topics: { __consumer_offsets: {} } }",
    "{ topics: { 'a b': {} } }",
    "{ topics: { orders: { partitions: 0 } } }",
    "{ topics: { orders: { size: 1m } } }",
    "{ topics: { orders: { replicas: 3 } } }",
    "{ settings: { log.dirs: /tmp } }",
    "{ backup: live }",
    "{ image: apache/kafka }",
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ memory: 512m }").problems).toEqual([
      { path: ["limits", "memory"], message: "Kafka needs at least 640 MB of memory" },
    ]);
  });
});

test("what an app is told", () => {
  const [connection] = made("{ topics: { orders: {}, mail.in: {} } }", [{ key: "web" }]).connections ?? [];
  expect(connection?.variables).toMatchObject({
    KAFKA_BROKERS: ["kafka:9092"],
    KAFKA_PASSWORD: [secret("kafka_web")],
    KAFKA_SASL_MECHANISM: ["SCRAM-SHA-512"],
    KAFKA_TOPICS: ["orders,mail.in"],
  });
  expect(connection?.variables.KAFKA_URL).toContainEqual(secret("kafka_web", "uri"));
});

test("in a further component of an app every name has its key in front", () => {
  const [connection] = made("{}", [{ key: "web", further: true }], "events").connections ?? [];
  expect(Object.keys(connection?.variables ?? {})).toContain("EVENTS_KAFKA_BROKERS");
});

test("several of one type share no name", () => {
  const names = (key: string) => {
    const { services = [], volumes = [], secrets = [], files = [] } = made("{}", [{ key: "web" }], key);
    return [...services, ...volumes, ...secrets].map((item) => item.name).concat(files.map((file) => file.path));
  };
  expect(names("a").filter((name) => names("b").includes(name))).toEqual([]);
});
