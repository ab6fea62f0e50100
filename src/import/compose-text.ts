import { basename } from "node:path";
import { type Document, isMap, isScalar, parseDocument, visit } from "yaml";
import { aliasProblems, type PlacedText, syntaxProblems } from "../stack/yaml-problems.ts";
import { messageOf, type Position, type Problem, StackError } from "../support/errors.ts";
import { isMap as isRawMap, type Raw, type UnsetVariable } from "./compose-file.ts";
import { interpolate } from "./interpolate.ts";
import { Tagged } from "./merge.ts";

/** One Compose file as data, variables filled in. */
export interface ComposeText {
  data: Raw;
  unset: UnsetVariable[];
  /** Where a path of keys stands; undefined where there is nothing. */
  placeOf(path: readonly (string | number)[]): Position | undefined;
}

/** Reads the text of one Compose file. Throws `compose-invalid` with every place where it is no YAML, or no Compose file. */
export function readComposeText(text: string, file: string, lookUp: (name: string) => string | undefined): ComposeText {
  const document = parseDocument(text, {
    prettyErrors: false,
    merge: true,
    customTags: ["!reset", "!override"].flatMap((tag) => [
      { tag, resolve: (value: string) => value },
      { tag, collection: "map" as const },
      { tag, collection: "seq" as const },
    ]),
  });
  const at = (offset: number): Position => {
    const before = text.slice(0, offset);
    return { file, line: before.split("\n").length, column: offset - before.lastIndexOf("\n") };
  };
  const found: PlacedText[] = syntaxProblems(document, text).filter(
    ({ message }) => !message.startsWith("tags such as"),
  );
  const problems = found.length > 0 ? found : aliasProblems(document);
  if (problems.length > 0)
    throw composeError(
      file,
      problems.map(({ message, hint, offset }) => ({
        message,
        position: at(offset),
        ...(hint !== undefined && { hint }),
      })),
    );
  const unset = fillIn(document, lookUp, at);
  const data = toData(document, text, file, at);
  const placeOf: ComposeText["placeOf"] = (path) => {
    const parent: unknown = path.length <= 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const key = path.at(-1);
    const pair = isMap(parent) ? parent.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
    const range = isScalar(pair?.key) ? pair.key.range : undefined;
    return range ? at(range[0]) : undefined;
  };
  refuseOtherFiles(data, file, placeOf);
  return { data, unset, placeOf };
}

/** The one error of a Compose file that cannot be read, with all its problems. */
export function composeError(file: string, problems: readonly Problem[], hint?: string): StackError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new StackError({
    code: "compose-invalid",
    exit: "invalidInput",
    message: `${basename(file)} has ${count}; nothing was written`,
    problems: [...problems],
    ...(hint !== undefined && { hint }),
  });
}

/** Numbers of the environment stay as they were written: `022` is no 22. */
function fillIn(
  document: Document,
  lookUp: (name: string) => string | undefined,
  at: (offset: number) => Position,
): UnsetVariable[] {
  const unset: UnsetVariable[] = [];
  visit(document, {
    Scalar(key, node) {
      if (key === "key") return;
      if (typeof node.value === "number" && node.source !== undefined && /^0\d|[._]/.test(node.source))
        node.value = node.source;
      if (typeof node.value !== "string" || !node.value.includes("$")) return;
      const { text, missing } = interpolate(node.value, lookUp);
      node.value = text;
      unset.push(...missing.map((each) => ({ ...each, position: at(node.range?.[0] ?? 0) })));
    },
  });
  return unset;
}

function toData(document: Document.Parsed, text: string, file: string, at: (offset: number) => Position): Raw {
  const tagged = new Map<object, Tagged["tag"]>();
  let data: unknown;
  try {
    data = document.toJS({ maxAliasCount: 100_000 });
  } catch (error) {
    throw composeError(file, [readProblem(error, at, text)]);
  }
  visit(document, {
    Node(_, node) {
      if (node.tag === "!reset" || node.tag === "!override") tagged.set(node, node.tag);
    },
  });
  if (!isRawMap(data))
    throw composeError(file, [
      {
        message: "this is no Compose file: expected a map with services:",
        hint: "name the file that `docker compose config` reads, such as docker-compose.yml",
        position: at(0),
      },
    ]);
  return tagged.size === 0 ? data : (withTags(document.contents, data) as Raw);
}

function readProblem(error: unknown, at: (offset: number) => Position, text: string): Problem {
  if (messageOf(error).startsWith("Merge sources"))
    return {
      message: "<< takes the keys of a map, and this is a list or a single value",
      hint: "write its entries as key: value",
      position: at(Math.max(0, text.indexOf("<<:"))),
    };
  return {
    message: "its aliases (*name) multiply to far more text than it holds",
    hint: "write the values out instead",
    position: at(0),
  };
}

/** Puts the marks `!reset` and `!override` around the values that they stand before. */
function withTags(node: unknown, value: unknown): unknown {
  const marked =
    isMap(node) && isRawMap(value)
      ? Object.fromEntries(
          Object.entries(value).map(([key, item]) => {
            const pair = node.items.find((each) => isScalar(each.key) && String(each.key.value) === key);
            return [key, withTags(pair?.value, item)];
          }),
        )
      : value;
  const tag = typeof node === "object" && node !== null && "tag" in node ? node.tag : undefined;
  return tag === "!reset" || tag === "!override" ? new Tagged(tag, marked) : marked;
}

function refuseOtherFiles(data: Raw, file: string, placeOf: ComposeText["placeOf"]): void {
  const start = { file, line: 1, column: 1 };
  if (isRawMap(data.services) || data.include !== undefined) return;
  if ("services" in data && data.services !== null)
    throw composeError(file, [
      {
        message: "services: expected a map of services",
        hint: "write services:, and below it web: with an image:",
        position: placeOf(["services"]) ?? start,
      },
    ]);
  const looksOld = Object.values(data).some((value) => isRawMap(value) && ("image" in value || "build" in value));
  throw composeError(file, [
    looksOld
      ? {
          message: "this is a Compose file of the format of 2014, without services:",
          hint: "write services: into a first line of its own and indent the rest by two spaces",
          position: start,
        }
      : {
          message: "this is no Compose file: it has no services:",
          hint: "name the file that `docker compose config` reads, such as docker-compose.yml",
          position: start,
        },
  ]);
}
