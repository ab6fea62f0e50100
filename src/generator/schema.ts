import { z } from "zod";
import type { ComponentSchema } from "../stack/config.ts";
import { environmentsShape } from "../stack/environments.ts";
import { stackShape } from "../stack/load.ts";

type Json = Record<string, unknown>;

/** The JSON Schema of stack.yaml, for editors. Made of the same zod schemas that check the file. */
export function stackSchema(components: readonly ComponentSchema[]): Json {
  const definitions = Object.fromEntries(components.map((component) => [component.type, componentSchema(component)]));
  const outer = toJson(stackShape);
  const properties = outer.properties as Record<string, Json>;
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "stack.yaml",
    type: "object",
    additionalProperties: false,
    required: ["name", "components"],
    properties: {
      name: properties.name,
      components: {
        ...properties.components,
        properties: Object.fromEntries(
          components.filter(({ type }) => type !== "app").map(({ type }) => [type, ofKey(type)]),
        ),
        additionalProperties: {
          required: ["type"],
          allOf: [byType],
        },
      },
      backup: properties.backup,
      notify: properties.notify,
      environments: environmentsSchema(components, properties),
    },
    definitions: {
      [ofAnyType]: {
        properties: { type: { enum: components.map(({ type }) => type) } },
        allOf: components.map(({ type }) => whenType(type)),
      },
      ...definitions,
      ...Object.fromEntries(
        Object.entries(definitions).map(([type, definition]) => [overlayOf(type), asOverlay(definition)]),
      ),
    },
  };
}

/** No component has this name. */
const ofAnyType = "of-any-type";
const byType: Json = { $ref: `#/definitions/${ofAnyType}` };
const overlayOf = (type: string) => `${type}-overlay`;

/** The same keys once more, none of them required. */
function environmentsSchema(components: readonly ComponentSchema[], properties: Record<string, Json>): Json {
  const { additionalProperties: overlay, ...outer } = toJson(environmentsShape);
  const [map] = (overlay as { anyOf: Json[] }).anyOf;
  const own = (map as { properties: Record<string, Json> }).properties;
  const inherited = (part: "backup" | "notify") => ({
    anyOf: [asOverlay(properties[part] as Json), { type: "null" }],
    description: own[part]?.description,
  });
  // Under a key of the user's own the type is known to the rest of the file alone: any component's keys may stand there.
  const anyComponent = { type: ["object", "null"] };
  return {
    ...outer,
    additionalProperties: {
      ...map,
      type: ["object", "null"],
      properties: {
        name: own.name,
        components: {
          type: "object",
          description: own.components?.description,
          properties: Object.fromEntries(
            components
              .filter(({ type }) => type !== "app")
              .map(({ type }) => [type, { anyOf: [{ $ref: `#/definitions/${overlayOf(type)}` }, { type: "null" }] }]),
          ),
          additionalProperties: anyComponent,
        },
        backup: inherited("backup"),
        notify: inherited("notify"),
      },
    },
  };
}

/** A schema whose maps may leave out any key and take one away with null. Lists are replaced, so theirs are whole. */
function asOverlay(schema: Json): Json {
  const { required: _, default: __, ...rest } = schema;
  if (Array.isArray(rest.anyOf)) return { ...rest, anyOf: rest.anyOf.map((part) => asOverlay(part as Json)) };
  if (typeof rest.properties !== "object" || rest.properties === null) return rest;
  const properties = Object.entries(rest.properties as Record<string, Json>).map(([key, value]) => [
    key,
    {
      ...(value.description !== undefined && { description: value.description }),
      anyOf: [bare(asOverlay(value)), { type: "null" }],
    },
  ]);
  return { ...rest, properties: Object.fromEntries(properties) };
}

function bare({ description: _, ...schema }: Json): Json {
  return schema;
}

/** Under the key `postgres` the type is postgres unless `type:` says otherwise. */
function ofKey(type: string): Json {
  return implies({ required: ["type"], type: "object" }, byType, { $ref: `#/definitions/${type}` });
}

function whenType(type: string): Json {
  const condition = { type: "object", properties: { type: { const: type } }, required: ["type"] };
  return implies(condition, { $ref: `#/definitions/${type}` });
}

/** JSON Schema's conditional. */
function implies(condition: Json, consequence: Json, otherwise?: Json): Json {
  return { if: condition, then: consequence, ...(otherwise !== undefined && { else: otherwise }) };
}

function componentSchema(component: ComponentSchema): Json {
  return { description: component.about, ...allowType(toJson(component.options)) };
}

/** Each map form of a component's section may hold `type:` beside the options. */
function allowType(schema: Json): Json {
  const alternatives = schema.anyOf;
  if (Array.isArray(alternatives))
    return { ...schema, anyOf: alternatives.map((alternative) => allowType(alternative as Json)) };
  if (schema.type !== "object") return schema;
  return {
    ...schema,
    properties: {
      type: { type: "string", description: "Component type, where it is not the key" },
      ...(schema.properties as Json),
    },
  };
}

function toJson(schema: z.ZodType): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-07",
    unrepresentable: "any",
  }) as Json;
  return json;
}
