import type { z } from "zod";
import { didYouMean } from "../support/suggest.ts";

/** A zod issue in words for the person who wrote the file. */
export interface ToldIssue {
  path: (string | number)[];
  message: string;
  hint?: string;
  /** Which end of the entry the message is about. */
  part: "value" | "key";
}

type Issue = z.core.$ZodIssue;

const keySeparator = "\u0000";

/**
 * What every schema is parsed with. zod's finished issues no longer know which keys the object has, and without those
 * there is no "did you mean"; here they still can be read, and travel in the message.
 */
export const parseOptions: z.core.ParseContext<Issue> = {
  reportInput: true,
  error: (raw) => {
    if (raw.code !== "unrecognized_keys") return undefined;
    const definition = raw.inst?._zod.def;
    return definition !== undefined && "shape" in definition
      ? Object.keys(definition.shape as object).join(keySeparator)
      : undefined;
  },
};

/** Turns one issue of the schema into what the user is told; an issue with several unknown keys becomes several. */
export function describeIssue(issue: Issue): ToldIssue[] {
  const path = issue.path.filter((part): part is string | number => typeof part !== "symbol");
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => ({ path: [...path, key], ...unknownKey(issue, key), part: "key" }));
  if (issue.code === "invalid_union") return describeUnion(issue, path);
  if (issue.code === "invalid_value" && issue.input !== undefined)
    return [{ path, message: `expected ${oneOf(issue.values)}${got(issue.input)}`, part: "value" }];
  if (issue.input === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value"))
    return [{ path, message: `is missing; ${expectation(issue)}`, part: "value" }];
  if (issue.code === "invalid_type")
    return [{ path, message: `${expectation(issue)}${got(issue.input)}`, part: "value" }];
  if (issue.code === "invalid_key")
    return issue.issues.flatMap((inner) => [{ path, message: inner.message, part: "key" as const }]);
  return [{ path, message: issue.message, part: "value" }];
}

/**
 * Of a union (`health: /health` or `health: { path: … }`) the branch that came furthest is what the user meant: their
 * problem is inside it, not that none of the branches fits.
 */
function describeUnion(issue: Extract<Issue, { code: "invalid_union" }>, path: (string | number)[]): ToldIssue[] {
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const meant = branches.find((branch) => !branch.some((inner) => inner.path.length === 0 && isWrongType(inner)));
  if (meant === undefined) {
    const expected = [...new Set(branches.flat().map((inner) => expectation(inner).replace(/^expected /, "")))];
    return [{ path, message: `expected ${expected.join(", or ")}${got(issue.input)}`, part: "value" }];
  }
  return meant.flatMap((inner) => describeIssue(inner).map((told) => ({ ...told, path: [...path, ...told.path] })));
}

function isWrongType(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value" || issue.code === "invalid_union";
}

function unknownKey(issue: Issue, key: string): { message: string; hint?: string } {
  const known =
    issue.message.includes(keySeparator) || /^[A-Za-z]+$/.test(issue.message) ? issue.message.split(keySeparator) : [];
  return { message: `unknown key "${key}"`, ...(known.length > 0 && { hint: didYouMean(key, known) }) };
}

const typeWords: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map",
  record: "a map",
  array: "a list",
};

/** What a value should have been: the schema's own words, or the type in plain ones. */
function expectation(issue: Issue): string {
  if (issue.code === "invalid_value") return `expected ${oneOf(issue.values)}`;
  if (issue.code === "invalid_type" && issue.message.startsWith("Invalid input"))
    return `expected ${typeWords[issue.expected] ?? issue.expected}`;
  return issue.message;
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(", ")}`;
}

function got(input: unknown): string {
  return input === undefined || input === null || typeof input === "object" ? "" : `, got ${JSON.stringify(input)}`;
}
