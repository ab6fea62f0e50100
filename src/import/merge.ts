import { isMap, type Raw, textOf } from "./compose-file.ts";

/** A value that Compose's `!reset` or `!override` stood before. */
export class Tagged {
  readonly tag: "!reset" | "!override";
  readonly value: unknown;

  constructor(tag: "!reset" | "!override", value: unknown) {
    this.tag = tag;
    this.value = value;
  }
}

/** Lists of which a later one replaces the earlier. */
const replaced = new Set(["command", "entrypoint", "test"]);

/** Lists of which an entry with the same target replaces the earlier. */
const byTarget = new Set(["volumes", "secrets", "configs"]);

/** Joins two maps by the rules of Compose: maps by key, lists one after the other, single values by the later one. */
export function mergeMaps(first: Raw, second: Raw): Raw {
  const merged: Raw = { ...first };
  for (const [key, value] of Object.entries(second)) {
    if (value instanceof Tagged) {
      if (value.tag === "!reset") delete merged[key];
      else merged[key] = value.value;
    } else merged[key] = mergeValues(key, merged[key], value);
  }
  return merged;
}

function mergeValues(key: string, before: unknown, after: unknown): unknown {
  if (after === undefined || (after === null && before !== undefined && isMap(before))) return before;
  if (isMap(before) && isMap(after)) return mergeMaps(before, after);
  if (!Array.isArray(before) || !Array.isArray(after) || replaced.has(key)) return after;
  if (!byTarget.has(key)) return uniqueBy([...before, ...after], (item) => JSON.stringify(item));
  return uniqueBy([...before, ...after], targetOf);
}

function targetOf(entry: unknown): string {
  return isMap(entry) ? (textOf(entry.target) ?? textOf(entry.source) ?? JSON.stringify(entry)) : String(entry);
}

/** The last of those that are the same, at the place of the first. */
function uniqueBy(items: readonly unknown[], idOf: (item: unknown) => string): unknown[] {
  return [...new Map(items.map((item) => [idOf(item), item])).values()];
}

/** Takes marks away that had nothing to work on. */
export function withoutTags(value: unknown): unknown {
  if (value instanceof Tagged) return value.tag === "!reset" ? undefined : withoutTags(value.value);
  if (Array.isArray(value)) return value.map(withoutTags).filter((item) => item !== undefined);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      const bare = withoutTags(item);
      return bare === undefined ? [] : [[key, bare]];
    }),
  );
}
