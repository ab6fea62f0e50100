import { describe, expect, test } from "vitest";
import { z } from "zod";
import { stackSchema } from "../../../src/generator/schema.ts";
import { sayOnce } from "../../../src/generator/schema-shared.ts";
import { schemaText } from "../../../src/generator/schema-text.ts";
import { catalogue } from "../../support/catalogue.ts";

type Json = Record<string, unknown>;
const { components } = catalogue;
const plain = stackSchema(components);
const told = JSON.parse(schemaText(components)) as Json & { definitions: Json };

/** The schema with each reference to a definition that `plain` does not have filled in. */
function filledIn(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filledIn);
  if (typeof value !== "object" || value === null) return value;
  const name = "$ref" in value ? String(value.$ref).replace("#/definitions/", "") : undefined;
  if (name !== undefined && !(name in (plain.definitions as Json))) return filledIn(told.definitions[name]);
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, filledIn(part)]));
}

describe("the schema that editors read", () => {
  test("is the whole schema, in which options that stand several times are said once", () => {
    const { definitions, ...outer } = filledIn(told) as Json & { definitions: Json };
    const own = Object.keys(plain.definitions as Json).map((name) => [name, definitions[name]]);
    expect({ ...outer, definitions: Object.fromEntries(own) }).toEqual(plain);
    expect(schemaText(components).length).toBeLessThan(JSON.stringify(plain).length * 0.8);
  });

  test("gives two options of one name a definition each", () => {
    const size = { type: "string", description: "How much room it may take on the disk of the server" };
    const color = { type: "string", description: "What it looks like from the outside, in one word" };
    const server = { properties: { kind: size, room: { type: "object", properties: { kind: color } } } };
    const { definitions } = sayOnce({ definitions: { first: server, second: { ...server, title: "2" }, kind: {} } });
    expect(definitions).toEqual({
      kind: {},
      "kind-2": size,
      room: { type: "object", properties: { kind: color } },
      first: { properties: { kind: { $ref: "#/definitions/kind-2" }, room: { $ref: "#/definitions/room" } } },
      second: {
        properties: { kind: { $ref: "#/definitions/kind-2" }, room: { $ref: "#/definitions/room" } },
        title: "2",
      },
    });
  });
});

/** Sections as users write them, good and bad; `type` of the component, then what stands under its key. */
const sections: [string, unknown][] = [
  ["postgres", {}],
  ["postgres", 17],
  ["postgres", 15],
  ["postgres", { version: 18, limits: { memory: "2g" }, databases: { shop: {} } }],
  ["postgres", { version: "latest" }],
  ["postgres", { limits: { memory: "lots" } }],
  ["postgres", { limits: { memory: "2g", disk: "1g" } }],
  ["redis", { profile: "durable", memory: "64m" }],
  ["redis", { profile: "fast" }],
  ["redis", { limits: { cpus: "two" } }],
  ["valkey", { mode: "sentinel" }],
  ["valkey", { mode: "cluster" }],
  ["app", { image: "web:1", port: 3000, routes: ["shop.example.com"], uses: ["postgres"] }],
  ["app", { image: "web:1", port: "3000/tcp" }],
  ["app", { image: "web:1", ports: [3000] }],
  ["app", { image: "web:1", volumes: [{ name: "uploads" }] }],
  ["app", { image: "web:1", health: { exec: [] } }],
  ["traefik", { acme: { email: "ops@example.com" } }],
  ["traefik", { acme: {} }],
  ["loki", { retention: "7d" }],
  ["loki", { retention: 7 }],
  ["minio", { buckets: ["files"] }],
  ["minio", { buckets: "files" }],
  ["kafka", { topics: { orders: { partitions: 3 } } }],
  ["kafka", { topics: { orders: { partitions: 0 } } }],
];

describe("a section is refused in the editor where generate refuses it", () => {
  test.each(sections)("%s: %j", (type, section) => {
    const { options } = components.find((component) => component.type === type) ?? {};
    const schema = { $schema: plain.$schema, $ref: `#/definitions/${type}`, definitions: told.definitions } as Json;
    const inEditor = z.fromJSONSchema(schema as never).safeParse(section).success;
    expect(inEditor).toBe(options?.safeParse(section).success);
  });

  test("the examples are of both kinds", () => {
    const good = sections.filter(
      ([type, section]) => components.find((component) => component.type === type)?.options.safeParse(section).success,
    );
    expect(good.length).toBeGreaterThan(8);
    expect(sections.length - good.length).toBeGreaterThan(8);
  });
});
