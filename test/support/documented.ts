import { parse } from "yaml";

/** What a server's reference says of one setting, in our words: its type, and its value where nothing is said. */
export interface Documented {
  type: keyof typeof types;
  usually: string;
}

const isUrl = (value: unknown) => /^https?:\/\/[a-z0-9.-]+(:\d+)?$/.test(String(value));

const types = {
  flag: (value: unknown) => typeof value === "boolean",
  count: (value: unknown) => Number.isInteger(value) && Number(value) >= 0,
  text: (value: unknown) => typeof value === "string" && value !== "",
  texts: (value: unknown) => Array.isArray(value) && value.every((each) => typeof each === "string"),
  /** Go's: `10m`, `720h`. */
  duration: (value: unknown) => /^(\d+(ms|[smh]))+$/.test(String(value)),
  /** Loki's and Elasticsearch's: `64MB`, `5gb`. */
  bytes: (value: unknown) => /^\d+([kmg]b|B|[KMG]B)$/.test(String(value)),
  date: (value: unknown) => /^\d{4}-\d\d-\d\d$/.test(String(value)),
  port: (value: unknown) => Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536,
  url: isUrl,
  urls: (value: unknown) => Array.isArray(value) && value.every(isUrl),
} as const satisfies Record<string, (value: unknown) => boolean>;

/** Settings of a YAML file by their path with dots; of lists of blocks the first stands for all. */
export function settingsIn(text: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const walk = (value: unknown, path: string) => {
    if (Array.isArray(value) && typeof value[0] === "object") walk(value[0], path);
    else if (typeof value === "object" && value !== null && !Array.isArray(value))
      for (const [name, inner] of Object.entries(value)) walk(inner, path === "" ? name : `${path}.${name}`);
    else found[path] = value;
  };
  walk(parse(text), "");
  return found;
}

/** What is wrong with a file, by its server's reference: settings that are unknown there or of another type, and lines of the table that no setting uses. */
export function settingProblems(text: string, reference: Record<string, Documented>): string[] {
  const settings = settingsIn(text);
  return [
    ...Object.entries(settings).flatMap(([path, value]) => {
      const known = reference[path];
      if (known === undefined) return [`${path} is not in the table`];
      return types[known.type](value) ? [] : [`${path}: ${JSON.stringify(value)} is no ${known.type}`];
    }),
    ...Object.keys(reference)
      .filter((path) => !(path in settings))
      .map((path) => `${path} is in the table for nothing`),
  ];
}
