import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const topic = fc.option(
  fc.record(
    {
      partitions: fc.integer({ min: 1, max: 12 }),
      retention: fc.constantFrom("1h", "7d", "90d"),
      size: fc.constantFrom("64m", "1g", "20g"),
      compact: fc.boolean(),
    },
    { requiredKeys: [] },
  ),
);

export const inTests: ComponentInTests = {
  random: {
    section: fc.record(
      {
        topics: fc.dictionary(fc.constantFrom("orders", "orders.paid", "Payments_2", "a-b"), topic),
        retention: fc.constantFrom("12h", "30d"),
        groups: fc.constantFrom("own", "any"),
        backup: fc.constantFrom("pause", "stop", "none"),
        memory: fc.constantFrom("640m", "1g", "3g"),
        settings: fc.constantFrom({}, { "message.max.bytes": 5_242_880 }),
      },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Record<string, unknown>>,
    most: 2,
    parts: "none",
  },
  healthPrograms: [
    [/^apache\/kafka$/, /^bash$/],
    [/^redpandadata\/kminion$/, /^wget$/],
  ],
  monitored: {
    components: { kafka: { topics: { orders: { partitions: 3, retention: "7d" }, "orders.paid": {} } } },
    uses: ["kafka/orders"],
  },
};
