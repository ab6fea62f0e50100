import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const topology = fc.constantFrom(
  {},
  { queues: { mails: null, "orders/paid": { type: "stream" } } },
  {
    queues: {
      "orders/paid": { type: "quorum", deadLetter: "failed", deliveryLimit: 5, maxLength: 1_000, ttl: 60_000 },
      "orders/failed": { type: "classic" },
    },
    exchanges: { "orders/events": "topic", events: "fanout" },
    bindings: [
      { from: "orders/events", to: "orders/paid", key: "order.#" },
      { from: "orders/events", to: "orders/failed" },
    ],
  },
);

const limits = fc.record(
  {
    cpus: fc.constantFrom(0.25, 2.5),
    memory: fc.integer({ min: 384, max: 4096 }).map((count) => `${count}m`),
    pids: fc.integer({ min: 64, max: 4096 }),
  },
  { requiredKeys: [] },
);

const section = fc
  .tuple(
    topology,
    fc.record(
      {
        backup: fc.constantFrom("definitions", "pause", "stop"),
        plugins: fc.subarray(["rabbitmq_shovel", "rabbitmq_consistent_hash_exchange"]),
        diskFree: fc.constantFrom("500m", "20g"),
        memory: fc.constantFrom("384m", "1g"),
        limits,
        settings: fc.constantFrom({}, { heartbeat: 30, "log.channel.level": "debug" }),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([declared, options]) => ({ ...declared, ...options }));

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: undefined },
  healthPrograms: [[/^rabbitmq$/, /^bash$/]],
  monitored: {
    components: {
      rabbitmq: {
        queues: {
          mails: { deadLetter: "failed" },
          failed: null,
          "orders/paid": { deadLetter: "failed" },
          "orders/failed": null,
        },
      },
    },
    uses: ["rabbitmq"],
  },
};
