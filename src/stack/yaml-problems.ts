import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, visit, type YAMLError } from "yaml";

/** A problem before its offset has become line and column. */
export interface PlacedText {
  message: string;
  hint?: string;
  offset: number;
}

/**
 * What keeps the text from being YAML, in plain words. A slip makes its followers, so of those on one line only the
 * first is told.
 */
export function syntaxProblems(document: Document.Parsed, text: string): PlacedText[] {
  const seen = new Set<number>();
  return [...document.errors, ...document.warnings].flatMap((error) => {
    const line = text.slice(0, error.pos[0]).split("\n").length;
    if (seen.has(line)) return [];
    seen.add(line);
    return [{ ...inPlainWords(error, text), offset: error.pos[0] }];
  });
}

type Words = Omit<PlacedText, "offset">;

function inPlainWords(error: YAMLError, text: string): Words {
  const rest = text.slice(error.pos[0]);
  return byCode[error.code]?.(rest, error.message) ?? byMessage(error.message);
}

const byCode: Partial<Record<YAMLError["code"], (rest: string, message: string) => Words | undefined>> = {
  TAB_AS_INDENT: () => ({ message: "a tab cannot indent YAML", hint: "use spaces" }),
  DUPLICATE_KEY: (rest) => ({ message: `the key ${wordAt(rest)} stands twice in the same map`, hint: "keep one" }),
  BAD_INDENT: (_, message) =>
    /end with a [}\]]/.test(message)
      ? { message: `a ${message.endsWith("}") ? "{" : "["} before this is not closed` }
      : { message: "the indentation does not fit the lines around it" },
  BLOCK_AS_IMPLICIT_KEY: (_, message) =>
    message.includes("sequence")
      ? { message: "a list begins where a key is expected", hint: "check the indentation" }
      : {
          message: "a second key begins inside this value",
          hint: 'check the indentation; text with ": " in it must be in quotes',
        },
  MULTILINE_IMPLICIT_KEY: () => ({
    message: "expected key: value",
    hint: "the colon and the space behind it make the key: name: shop",
  }),
  BAD_SCALAR_START: (rest) => ({ message: `text that begins with ${rest[0]} must be in quotes` }),
  MULTIPLE_DOCS: () => ({ message: "a second document begins here", hint: "keep one: remove this line and the rest" }),
  TAG_RESOLVE_FAILED: (rest) => ({ message: `tags such as ${wordAt(rest)} have no meaning here`, hint: "remove it" }),
  NON_STRING_KEY: () => ({ message: "expected a word as the key of this map" }),
  BAD_DQ_ESCAPE: (_, message) => ({
    message: message.replace("Invalid escape sequence", "unknown escape in double quotes:"),
    hint: "in single quotes \\ is an ordinary letter",
  }),
};

function byMessage(message: string): Words {
  if (message.startsWith("Missing closing"))
    return { message: `a ${message.at(-6) ?? '"'} is opened and never closed` };
  if (message.startsWith("Implicit map keys")) return { message: "expected key: value", hint: "the colon is missing" };
  return { message: `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}` };
}

function wordAt(rest: string): string {
  return /^\S+?(?=:(\s|$)|[\s,}\]]|$)/.exec(rest)?.[0] ?? "";
}

/** Aliases that point at nothing or at what they stand in, merges of what is no map, keys that JavaScript keeps for itself. */
export function aliasProblems(document: Document.Parsed): PlacedText[] {
  const found: PlacedText[] = [];
  const anchors = new Map<string, Node>();
  visit(document, {
    Alias(_, node, path) {
      const target = anchors.get(node.source);
      const offset = node.range?.[0] ?? 0;
      if (target === undefined)
        found.push({ message: `*${node.source} points at nothing: no &${node.source} stands above it`, offset });
      else if (path.includes(target))
        found.push({ message: `*${node.source} stands inside what it points at`, offset });
    },
    Collection(_, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
    Scalar(_, node) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
    Pair(_, pair) {
      found.push(...keyProblems(pair, anchors));
    },
  });
  return found;
}

/** Offset of the last alias; the text's begin where there is none. */
export function lastAlias(document: Document.Parsed): number {
  let offset = 0;
  visit(document, {
    Alias(_, node) {
      offset = node.range?.[0] ?? offset;
    },
  });
  return offset;
}

function keyProblems({ key, value }: Pair, anchors: ReadonlyMap<string, Node>): PlacedText[] {
  if (!isScalar(key)) return [];
  const offset = key.range?.[0] ?? 0;
  if (key.value === "__proto__")
    return [{ message: '"__proto__" cannot be a key', hint: "choose another name", offset }];
  if (key.value !== "<<" || isMergeable(value, anchors)) return [];
  return [{ message: "<< takes the keys of another map", hint: "write <<: *name, with &name at that map", offset }];
}

function isMergeable(value: unknown, anchors: ReadonlyMap<string, Node>): boolean {
  if (isSeq(value)) return value.items.every((item) => isMergeable(item, anchors));
  // An alias without a target is told by itself.
  return isMap(value) || (isAlias(value) && (!anchors.has(value.source) || isMap(anchors.get(value.source))));
}
