import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/rabbitmq/index.ts";
import { secret, secretsIn } from "../../../src/stack/secret-text.ts";
import { complaintsOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], more: Partial<ComponentUse> = {}) {
  const added = component.contribute(
    component.options.parse(parse(yaml)),
    componentUse("rabbitmq", { usedBy, ...more }),
  );
  const file = (path: string) => added.files?.find((one) => one.path === `config/rabbitmq/${path}`)?.content ?? "";
  const definitions = added.secrets?.find(({ name }) => name === "rabbitmq_definitions");
  const text = definitions?.kind === "composed" ? definitions.content : [];
  return {
    ...added,
    server: added.services?.find(({ name }) => name === "rabbitmq"),
    setup: added.services?.find(({ name }) => name === "rabbitmq-setup"),
    config: file("server/rabbitmq.conf"),
    plugins: file("server/enabled_plugins"),
    topology: file("topology").split("\n").filter(Boolean),
    definitions: text,
    shown: text.map((part) => (typeof part === "string" ? part : `<${part.encoding} of ${part.secret}>`)).join(""),
  };
}

const optionsOf = (yaml: string) => component.options.safeParse(parse(yaml));

describe("who may do what", () => {
  test("each app has a user with rights to its virtual host; nobody else is there but the stack's own two", () => {
    const { shown } = made("{}", [{ key: "web" }, { key: "worker" }, { key: "shop", part: "orders" }]);
    const { users, vhosts, permissions } = JSON.parse(shown);
    const rights = { configure: ".*", write: ".*", read: ".*" };
    const nothing = { configure: "^$", write: "^$", read: "^$" };
    expect(users.map(({ name, tags }: { name: string; tags: string[] }) => [name, ...tags])).toEqual([
      ["stack_admin", "administrator", "stack"],
      ["stack_monitor", "monitoring", "stack"],
      ["web", "stack"],
      ["worker", "stack"],
      ["shop", "stack"],
    ]);
    expect(vhosts).toEqual([
      { name: "main", default_queue_type: "quorum" },
      { name: "orders", default_queue_type: "quorum" },
    ]);
    expect(permissions).toEqual([
      { user: "stack_admin", vhost: "main", ...rights },
      { user: "stack_admin", vhost: "orders", ...rights },
      { user: "stack_monitor", vhost: "main", ...nothing },
      { user: "stack_monitor", vhost: "orders", ...nothing },
      { user: "web", vhost: "main", ...rights },
      { user: "worker", vhost: "main", ...rights },
      { user: "shop", vhost: "orders", ...rights },
    ]);
  });

  test("the file holds hashes, never passwords", () => {
    const { definitions } = made();
    expect(secretsIn(definitions)).toEqual(["rabbitmq_stack_admin", "rabbitmq_stack_monitor", "rabbitmq_web"]);
    for (const part of definitions) if (typeof part !== "string") expect(part.encoding).toBe("rabbitmq");
  });

  test("an app with two virtual hosts has one user, and the second's names begin with it", () => {
    const { connections, secrets, shown } = made("{}", [
      { key: "web" },
      { key: "web", part: "old-orders" },
      { key: "web" },
    ]);
    expect(secrets?.filter(({ name }) => name.startsWith("rabbitmq_web"))).toHaveLength(1);
    expect(connections?.map(({ variables }) => Object.keys(variables)[0])).toEqual(["AMQP_URL", "OLD_ORDERS_AMQP_URL"]);
    expect(shown.match(/"user": "web"/g)).toHaveLength(2);
    const password = secret("rabbitmq_web", "uri");
    expect(connections?.[1]?.variables.OLD_ORDERS_AMQP_URL).toEqual([
      "amqp://",
      "web",
      ":",
      password,
      "@",
      "rabbitmq",
      ":5672/",
      "old-orders",
    ]);
    expect(connections?.[1]?.part).toBe("old-orders");
  });

  test("an app that has the plain names from elsewhere is told with the key in front", () => {
    const [connection] = made("{}", [{ key: "web", further: true }]).connections ?? [];
    expect(Object.keys(connection?.variables ?? {})).toContain("RABBITMQ_RABBITMQ_HOST");
  });

  test("apps wait until the server knows them", () => {
    expect(made().connections?.[0]?.dependsOn).toEqual([
      { service: "rabbitmq", condition: "service_healthy" },
      { service: "rabbitmq-setup", condition: "service_completed_successfully" },
    ]);
  });

  test("a part that can be no virtual host is told", () => {
    expect(made("{}", [{ key: "web", part: "Orders" }]).problems?.[0]?.message).toContain("web uses rabbitmq/Orders:");
  });
});

describe("what is declared", () => {
  test("becomes one line each, exchanges before queues before bindings", () => {
    const { topology } = made(`
queues:
  mails: { deadLetter: failed.mails, deliveryLimit: 5, maxLength: 1000, ttl: 60000 }
  failed.mails:
  orders/log: { type: stream }
exchanges: { events: topic }
bindings: [{ from: events, to: mails, key: "mail.#" }]
`);
    expect(topology).toEqual([
      'PUT exchanges/main/events {"type":"topic","durable":true}',
      'PUT queues/main/mails {"durable":true,"arguments":{"x-queue-type":"quorum"}}',
      'PUT policies/main/stack:mails {"pattern":"^mails$","apply-to":"queues","priority":0,"definition":{"dead-letter-exchange":"","dead-letter-routing-key":"failed.mails","delivery-limit":5,"max-length":1000,"overflow":"reject-publish","message-ttl":60000}}',
      'PUT queues/main/failed.mails {"durable":true,"arguments":{"x-queue-type":"quorum"}}',
      'PUT queues/orders/log {"durable":true,"arguments":{"x-queue-type":"stream"}}',
      'POST bindings/main/e/events/q/mails {"routing_key":"mail.#"}',
    ]);
  });

  test("a dot in a name stands for itself in the policy's pattern", () => {
    const { topology } = made("queues: { a.b: { ttl: 5 } }");
    expect(topology[1]).toContain('"pattern":"^a\\\\.b$"');
  });

  test("a virtual host is there where something is declared in it, though no app uses it", () => {
    const { shown } = made("queues: { orders/log: }", []);
    expect(JSON.parse(shown).vhosts.map(({ name }: { name: string }) => name)).toEqual(["orders"]);
  });

  test.each([
    ["queues: { a: { deadLetter: b } }", '"main/b" is not among the queues'],
    ["queues: { x/a: { deadLetter: b }, b: }", '"x/b" is not among the queues'],
    ["queues: { a: { deadLetter: a } }", "a cannot take its own dead letters"],
    ["queues: { a: { type: stream, ttl: 5 } }", "a is a stream, which has neither dead letters nor such limits"],
    ["queues: { a: { type: classic, deliveryLimit: 5 } }", "only quorum queues count deliveries"],
    ["{ queues: { a: }, bindings: [{ from: e, to: a }] }", '"main/e" is not among the exchanges'],
    ["{ exchanges: { e: fanout }, bindings: [{ from: e, to: a }] }", '"main/a" is not among the queues'],
    [
      "{ queues: { x/a: }, exchanges: { e: fanout }, bindings: [{ from: e, to: x/a }] }",
      "e and x/a are in different virtual hosts, between which nothing can be bound",
    ],
  ])("%s is told: %s", (yaml, message) => {
    expect(made(yaml).problems?.map((problem) => problem.message)).toEqual([message]);
  });

  test("a problem has its place in stack.yaml", () => {
    expect(complaintsOf(stackOf("rabbitmq: { queues: { mails: { deadLetter: failed } } }"))).toBe(
      '3:46 "main/failed" is not among the queues\n  did you mean "main/mails"?',
    );
  });
});

describe("the server", () => {
  test("is sized for its limit: publishers wait before it is killed, and before the disk is full", () => {
    const { config } = made("{ memory: 1g }");
    expect(config).toContain(`vm_memory_high_watermark.absolute = ${614 * 1024 ** 2}\n`);
    expect(config).toContain(`disk_free_limit.absolute = ${2 * 1024 ** 3}\n`);
    expect(config).toContain(`raft.wal_max_size_bytes = ${64 * 1024 ** 2}\n`);
    expect(made("{ diskFree: 300m }").config).toContain(`disk_free_limit.absolute = ${300 * 1024 ** 2}\n`);
  });

  test("has quorum queues unless an app asks for others, and no user guest", () => {
    const { config } = made();
    expect(config).toContain("default_queue_type = quorum\n");
    expect(config).toContain("load_definitions = /run/secrets/rabbitmq_definitions\n");
  });

  test("tells metrics only where somebody reads them", () => {
    expect(made().plugins).toBe("[rabbitmq_management].\n");
    const monitored = made("{ plugins: [rabbitmq_shovel] }", [], { monitored: true });
    expect(monitored.plugins).toBe("[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel].\n");
    expect(monitored.server?.networks).toEqual(["rabbitmq", "scrape"]);
    expect(monitored.scrapes).toEqual([
      { job: "rabbitmq", service: "rabbitmq", port: 15_692, path: "/metrics/per-object" },
    ]);
    expect(made().server?.networks).toEqual(["rabbitmq"]);
  });

  test("a queue that is declared later makes no new container of it", () => {
    const sources = made().server?.mounts?.flatMap((mount) => (mount.kind === "bind" ? [mount.source] : []));
    expect(sources).toEqual(["config/rabbitmq/server"]);
  });

  test("its page is open to the host alone, or has a public name", () => {
    expect(made().routeNeeds).toEqual([]);
    expect(made().consoles?.[0]).toMatchObject({ name: "rabbitmq", port: 15_672, network: "rabbitmq" });
    const open = made("{ host: mq.example.com }");
    expect(open.routeNeeds?.[0]).toMatchObject({ host: "mq.example.com", port: 15_672 });
    expect(open.server?.networks).toContain("edge");
  });

  test("settings: of stack.yaml come last", () => {
    const { config } = made("{ settings: { consumer_timeout: 3600000, log.channel.level: debug } }");
    expect(config.split("# settings: of stack.yaml\n")[1]).toBe(
      "consumer_timeout = 3600000\nlog.channel.level = debug\n",
    );
  });
});

describe("backups", () => {
  test("hold definitions, and say that messages are in none", () => {
    const { dataSources, unprotected } = made();
    expect(dataSources).toMatchObject([{ name: "rabbitmq", kind: "dump", volume: "rabbitmq-data" }]);
    expect(unprotected).toMatchObject([{ name: "rabbitmq-messages" }]);
  });

  test.each(["pause", "stop"])("with %s they hold the messages too", (backup) => {
    const { dataSources, unprotected } = made(`{ backup: ${backup} }`);
    expect(dataSources).toEqual([
      {
        name: "rabbitmq",
        kind: "volume",
        service: "rabbitmq",
        volume: "rabbitmq-data",
        consistency: { kind: backup },
      },
    ]);
    expect(unprotected).toEqual([]);
  });
});

describe("options", () => {
  test("memory is short for limits.memory", () => {
    expect(optionsOf("{ memory: 1g }").data).toEqual(optionsOf("{ limits: { memory: 1g } }").data);
  });

  test.each([
    '{ image: "rabbitmq:4-alpine" }',
    "{ backup: live }",
    "{ queues: { amq.mine: } }",
    "{ queues: { a/b/c: } }",
    "{ queues: { Orders/b: } }",
    "{ queues: { 'a b': } }",
    "{ queues: { a: { type: lazy } } }",
    "{ queues: { a: { maxLength: 0 } } }",
    "{ exchanges: { e: x-delayed-message } }",
    "{ plugins: ['a, b'] }",
    "{ settings: { load_definitions: x } }",
    "{ settings: { vm_memory_high_watermark.relative: 0.9 } }",
    '{ settings: { heartbeat: "1\\nload_definitions = x" } }',
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ memory: 256m }").problems).toEqual([
      { path: ["limits", "memory"], message: "RabbitMQ needs at least 384 MB of memory" },
    ]);
  });
});
