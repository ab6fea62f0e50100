import type { z } from "zod";
import { didYouMean, nearest } from "../support/suggest.ts";

/** Keys and indexes that lead to a value of stack.yaml. */
export type TextPath = readonly (string | number)[];

/** A zod issue in words for the person who wrote the file. */
export interface ToldIssue {
  path: TextPath;
  message: string;
  hint?: string;
  /** Which end of the entry the message is about. */
  part: "value" | "key";
}

type Issue = z.core.$ZodIssue;

/** What is wrong at a path, before the path is put into words. */
interface Finding {
  path: TextPath;
  kind: "wrong" | "missing" | "empty" | "unknown-key" | "bad-key";
  message: string;
  hint?: string;
  /** Of an unknown key: the known one that was meant. */
  meant?: string;
}

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
      ? keySeparator + Object.keys(definition.shape as object).join(keySeparator)
      : undefined;
  },
};

/** Turns the issues of one schema into what the user is told; `base` leads to the value that was checked. */
export function describeIssues(issues: readonly Issue[], base: TextPath): ToldIssue[] {
  const found = issues.flatMap((issue) => findingsOf(issue));
  // A mistyped key is also a missing one; to be told the first is enough.
  const meant = new Set(found.flatMap(({ path, meant: key }) => (key === undefined ? [] : [pathText([...path, key])])));
  return found
    .filter(({ kind, path }) => kind !== "missing" || !meant.has(pathText(path)))
    .map((finding) => tell(finding, base));
}

/** `components.server.routes[0].host` */
export function pathText(path: TextPath): string {
  return path.map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)).join("");
}

function tell({ path, kind, message, hint, meant }: Finding, base: TextPath): ToldIssue {
  const full = [...base, ...path];
  const where = pathText(full);
  const more = hint === undefined ? {} : { hint };
  if (kind === "unknown-key") {
    const [key = ""] = message.split(keySeparator);
    const suggestion = meant === undefined ? more : { hint: `did you mean "${meant}"?` };
    return {
      path: [...full, key],
      part: "key",
      message: `${where === "" ? "" : `${where}: `}unknown key "${key}"`,
      ...suggestion,
    };
  }
  if (kind === "missing") return { path: full, part: "value", message: `${where} is missing; ${message}`, ...more };
  if (kind === "empty") return { path: full, part: "value", message: `${where} has no value; ${message}`, ...more };
  return { path: full, part: kind === "bad-key" ? "key" : "value", message: `${where}: ${message}`, ...more };
}

function findingsOf(issue: Issue): Finding[] {
  const path = issue.path.filter((part): part is string | number => typeof part !== "symbol");
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => unknownKey(issue, key, path));
    case "invalid_union":
      return unionFindings(issue, path);
    case "invalid_key":
      return issue.issues.map((inner) => ({ path, kind: "bad-key", message: inner.message }));
    default:
      return [valueFinding(issue, path)];
  }
}

function valueFinding(issue: Issue, path: TextPath): Finding {
  const isType = issue.code === "invalid_type" || issue.code === "invalid_value";
  const expected = expectation(issue);
  // A value that is checked by our own code after its text was understood is told by that code in full.
  if (issue.code === "custom") return { path, kind: "wrong", message: expected };
  return wrongValue(path, issue.input, expected, isType ? withoutQuotes(issue) : false, isType);
}

function wrongValue(path: TextPath, input: unknown, expected: string, unquote: boolean, isType = true): Finding {
  if (input === undefined && isType) return { path, kind: "missing", message: expected };
  if (input === null) return { path, kind: "empty", message: expected };
  const message = `${expected}${got(input, expected)}`;
  return { path, kind: "wrong", message, ...(unquote && { hint: `write ${input} without quotes` }) };
}

/**
 * Of a union (`health: /health` or `health: { path: … }`) the branch that came furthest is what the user meant: their
 * problem is inside it, not that none of the branches fits.
 */
function unionFindings(issue: Extract<Issue, { code: "invalid_union" }>, path: TextPath): Finding[] {
  const branches = issue.errors.filter((branch) => branch.length > 0);
  const entered = branches.filter((branch) => !branch.some((inner) => inner.path.length === 0 && isWrongType(inner)));
  const [meant] = [...entered].sort((a, b) => strangeness(a) - strangeness(b));
  if (meant === undefined)
    return [wrongValue(path, issue.input, expectation(issue), branches.flat().some(withoutQuotes))];
  return meant.flatMap((inner) =>
    findingsOf(inner).map((finding) => ({ ...finding, path: [...path, ...finding.path] })),
  );
}

/** How far a branch of a union is from what was written: unknown keys count most. */
function strangeness(branch: readonly Issue[]): number {
  return branch.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? 100 * issue.keys.length : 1), 0);
}

function isWrongType(issue: Issue): boolean {
  return issue.code === "invalid_type" || issue.code === "invalid_value" || issue.code === "invalid_union";
}

/** `text, a number, or true or false`; what another alternative already says is left out. */
function alternatives(issues: readonly Issue[]): string {
  const all = [...new Set(issues.map((issue) => expectation(issue).replace(/^expected /, "")))];
  const words = all.filter((word) => !all.some((other) => other !== word && other.includes(word)));
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")}, or ${words.at(-1)}`;
}

function unknownKey(issue: Issue, key: string, path: TextPath): Finding {
  const known = issue.message.startsWith(keySeparator) ? issue.message.slice(1).split(keySeparator) : [];
  const meant = nearest(key, known) ?? known.find((candidate) => key.length > 2 && candidate.startsWith(key));
  return {
    path,
    kind: "unknown-key",
    message: key,
    ...(meant !== undefined && { meant }),
    ...(known.length > 0 && { hint: didYouMean(key, known) }),
  };
}

const typeWords: Record<string, string> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a map",
  record: "a map",
  array: "a list",
  null: "nothing",
};

/** What a value should have been: the schema's own words, or plain ones for the library's. */
function expectation(issue: Issue): string {
  if (issue.code === "invalid_value") return `expected ${oneOf(issue.values)}`;
  if (issue.code === "invalid_union" && isDefaultMessage(issue.message))
    return `expected ${alternatives(issue.errors.flat())}`;
  if (!isDefaultMessage(issue.message)) return issue.message;
  if (issue.code === "invalid_type") return `expected ${typeWords[issue.expected] ?? issue.expected}`;
  if (issue.code === "too_small") return `expected at least ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`;
  if (issue.code === "too_big") return `expected at most ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`;
  return "expected another form of this value";
}

/** True for the library's own English, which speaks of inputs and patterns. */
function isDefaultMessage(message: string): boolean {
  return /^(Invalid|Too (small|big)|Unrecognized)/.test(message);
}

function unitOf(origin: string, amount: number | bigint): string {
  const plural = Number(amount) === 1 ? "" : "s";
  if (origin === "array" || origin === "set") return ` item${plural}`;
  return origin === "string" ? ` letter${plural}` : "";
}

function oneOf(values: readonly unknown[]): string {
  return values.length === 1 ? String(values[0]) : `one of ${values.map(String).join(", ")}`;
}

/** `, got "x"`, unless the message shows it already. What may be a secret in the wrong place is not repeated. */
function got(input: unknown, message: string): string {
  if (typeof input !== "string" && typeof input !== "number" && typeof input !== "boolean") return "";
  const text = typeof input === "string" ? JSON.stringify(input) : String(input);
  if (message.includes("secrets/")) return "";
  return `, got ${text.length > 60 ? `${text.slice(0, 57)}…"` : text}`;
}

/** `port: "3000"`: right but for the quotes. */
function withoutQuotes(issue: Issue): boolean {
  const { input } = issue;
  if (typeof input !== "string" || !/^-?\d+(\.\d+)?$/.test(input)) return false;
  if (issue.code === "invalid_value") return issue.values.includes(Number(input));
  return issue.code === "invalid_type" && (issue.expected === "number" || issue.expected === "int");
}
