import { z } from "zod";
import { hostName, imageReference, limits, memory, size } from "../../stack/fields.ts";
import { serverSettings } from "../server-settings.ts";

const queueTypes = ["quorum", "classic", "stream"] as const;
const exchangeTypes = ["direct", "fanout", "topic", "headers"] as const;

/** A name is a part of addresses and of patterns; the ones of the server itself begin with `amq.`. */
const simpleName = /^(?!amq\.)[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$/;

/** What is wrong with the name of a virtual host, or undefined. It stands in addresses: `amqp://…/orders`. */
export function vhostProblem(text: string): string | undefined {
  return /^[a-z][a-z0-9_.-]{0,62}$/.test(text)
    ? undefined
    : 'expected the name of a virtual host: lower-case letters, digits, "_", "." and "-", starting with a letter, at most 63';
}

/** Something in a virtual host: `mails` is in the one that all apps share, `orders/mails` in `orders`. */
export interface Placed {
  vhost: string;
  name: string;
}

/** The virtual host of whoever names none. */
export const commonVhost = "main";

function placedName(what: string) {
  const expected = `expected the name of ${what} such as mails, or orders/mails in the virtual host orders`;
  return z
    .string({ error: expected })
    .refine((text) => text.split("/").length <= 2 && simpleName.test(text.split("/").at(-1) ?? ""), expected)
    .refine((text) => !text.includes("/") || vhostProblem(text.split("/")[0] ?? "") === undefined, expected);
}

/** `orders/mails` and `mails`, taken apart. */
export function placed(text: string): Placed {
  const [first = "", second] = text.split("/");
  return second === undefined ? { vhost: commonVhost, name: first } : { vhost: first, name: second };
}

/** What stack.yaml says of a queue. */
export interface QueueOptions {
  type: (typeof queueTypes)[number];
  deadLetter?: string | undefined;
  deliveryLimit?: number | undefined;
  maxLength?: number | undefined;
  /** Milliseconds. */
  ttl?: number | undefined;
}

const count = (what: string) => z.int({ error: `expected ${what}` }).min(1, `expected ${what}`);

const queue = z
  .strictObject({
    type: z
      .enum(queueTypes)
      .default("quorum")
      .describe("quorum survives a crash with all that was confirmed; a queue keeps the type that it was made with"),
    deadLetter: z
      .string({ error: "expected the name of another queue" })
      .regex(simpleName, "expected the name of another queue of the same virtual host, without it")
      .optional()
      .describe("Queue of the same virtual host that gets what is rejected, expired or delivered too often"),
    deliveryLimit: count("how often a message is tried, such as 5")
      .optional()
      .describe("How often a message is delivered again before it is given up; 20 in quorum queues"),
    maxLength: count("a number of messages").optional().describe("Messages that it holds; more are refused"),
    ttl: z
      .int({ error: "expected a number of milliseconds" })
      .min(1, "expected a number of milliseconds")
      .optional()
      .describe("Milliseconds after which a message that nobody took is given up"),
  })
  .nullable()
  .transform((value): QueueOptions => value ?? { type: "quorum" });

const queues = z
  .record(placedName("a queue"), queue)
  .default({})
  .describe("Queues that are there before any app declares them; what is removed here stays in the server");

const exchanges = z
  .record(placedName("an exchange"), z.enum(exchangeTypes))
  .default({})
  .describe("Exchanges with their types: events: topic");

const bindings = z
  .array(
    z.strictObject({
      from: placedName("an exchange").describe("One of exchanges"),
      to: placedName("a queue").describe("One of queues, in the same virtual host"),
      key: z
        .string()
        .regex(/^[^\u0000-\u001f"\\]{0,255}$/, "expected a routing key such as mail.*")
        .default("")
        .describe("Routing key or, at a topic exchange, a pattern"),
    }),
  )
  .default([])
  .describe("Which messages of an exchange go to which queue");

/** Settings that decide how the stack reaches, guards and sizes the server. */
const ownSettings = [
  "default_pass",
  "default_user",
  "default_vhost",
  "definitions.import_backend",
  "definitions.local.path",
  "definitions.skip_if_unchanged",
  "disk_free_limit.absolute",
  "disk_free_limit.relative",
  "distribution.listener.interface",
  "listeners.tcp",
  "listeners.tcp.default",
  "load_definitions",
  "log.console",
  "log.console.use_colors",
  "log.connection.level",
  "log.file",
  "log.user.level",
  "loopback_users",
  "loopback_users.guest",
  "management.tcp.port",
  "prometheus.tcp.port",
  "raft.wal_max_size_bytes",
  "total_memory_available_override_value",
  "vm_memory_high_watermark.absolute",
  "vm_memory_high_watermark.relative",
];

const settings = serverSettings("rabbitmq.conf", /^[a-z][A-Za-z0-9_.]*$/, ownSettings).describe(
  "Further settings of rabbitmq.conf, such as consumer_timeout: 3600000",
);

/** `rabbitmq: { memory: 1g }` is short for `rabbitmq: { limits: { memory: 1g } }`. */
export const rabbitmqOptions = z
  .strictObject({
    image: imageReference()
      .refine((text) => !text.includes("alpine"), "expected a Debian-based image: Alpine's has another user id")
      .default("rabbitmq:4.3.5")
      .describe("Another image of RabbitMQ 4"),
    host: hostName()
      .optional()
      .describe("Public host name of the management page, behind Traefik; left out, ./prod.sh open leads to it"),
    queues,
    exchanges,
    bindings,
    plugins: z
      .array(
        z
          .string({ error: "expected the name of a plugin" })
          .regex(/^rabbitmq_[a-z0-9_]+$/, "expected the name of a plugin such as rabbitmq_shovel"),
      )
      .default([])
      .describe("Plugins of the image besides management, such as rabbitmq_consistent_hash_exchange"),
    backup: z
      .enum(["definitions", "pause", "stop"])
      .default("definitions")
      .describe(
        "definitions: users, queues, policies, without messages. pause, stop: messages too, while the server stands still or is stopped for each copy",
      ),
    diskFree: size()
      .optional()
      .describe("Free disk below which publishers have to wait; left out, twice the memory limit and at least 1g"),
    memory: memory().optional().describe("Short for limits.memory"),
    limits: limits({ cpus: 1, memory: "512m", pids: 512 }),
    settings,
  })
  .transform(({ memory: short, limits: all, ...rest }) => ({
    ...rest,
    limits: short === undefined ? all : { ...all, memory: short },
  }));

export type RabbitmqOptions = z.output<typeof rabbitmqOptions>;
