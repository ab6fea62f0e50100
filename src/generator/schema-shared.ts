type Json = Record<string, unknown>;

/** Anything shorter is as long as a reference to it. */
const longEnough = 60;

/** The same schema, in which an option that many components have stands once, in `definitions`, and is referred to. */
export function sayOnce(schema: Json): Json {
  const definitions = { ...(schema.definitions as Json) };
  const times = countOptions(schema);
  const names = new Map<string, string>();
  const optionOf = (name: string, option: unknown): unknown => {
    const text = JSON.stringify(option);
    if (text.length < longEnough || times.get(text) === 1) return within(option);
    const known = names.get(text);
    const own = known ?? freeName(name, definitions);
    if (known === undefined) {
      names.set(text, own);
      // The name is taken before what is inside asks for one.
      definitions[own] = {};
      definitions[own] = within(option);
    }
    return { $ref: `#/definitions/${own}` };
  };
  const within = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(within);
    if (!isMap(value)) return value;
    return mapValues(value, (part, key) =>
      key === "properties" && isMap(part) ? mapValues(part, (option, name) => optionOf(name, option)) : within(part),
    );
  };
  const { definitions: components = {}, ...rest } = schema;
  const outer = within(rest) as Json;
  for (const [name, component] of Object.entries(components as Json)) definitions[name] = within(component);
  return { ...outer, definitions };
}

/** How often each option stands in a schema, by its text. What is in one that stands several times counts once. */
function countOptions(schema: Json): Map<string, number> {
  const times = new Map<string, number>();
  const count = (option: unknown) => {
    const text = JSON.stringify(option);
    const before = times.get(text) ?? 0;
    times.set(text, before + 1);
    if (before === 0) look(option);
  };
  const look = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(look);
    else if (isMap(value))
      for (const [key, part] of Object.entries(value)) {
        if (key === "properties" && isMap(part)) Object.values(part).forEach(count);
        else look(part);
      }
  };
  look(schema);
  return times;
}

/** `limits`, or `limits-2` where something else is called that. */
function freeName(name: string, taken: Json): string {
  for (let number = 1; ; number += 1) {
    const candidate = number === 1 ? name : `${name}-${number}`;
    if (!(candidate in taken)) return candidate;
  }
}

function mapValues(map: Json, change: (value: unknown, key: string) => unknown): Json {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}

function isMap(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
