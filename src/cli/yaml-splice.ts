import {
  type Document,
  isCollection,
  isMap,
  isNode,
  isScalar,
  type Node,
  type Pair,
  stringify,
  type YAMLMap,
} from "yaml";

type Path = readonly (string | number)[];

/**
 * Changes one entry in a YAML text where it stands, so that comments, order and layout of everything else stay as they
 * are. Undefined where that cannot be done in place. A value that is undefined takes the entry away.
 */
export function spliceYaml(text: string, document: Document, path: Path, value: unknown): string | undefined {
  const node: unknown = document.getIn(path, true);
  if (value === undefined) return removeEntry(text, document, path);
  if (isNode(node)) return replaceNode(text, node, value);
  return insertEntry(text, document, path, value);
}

function replaceNode(text: string, node: Node, value: unknown): string | undefined {
  const isOneLine = isScalar(node) ? !String(node.type).startsWith("BLOCK") : isCollection(node) && node.flow === true;
  if (!isOneLine || !node.range || node.range[0] === node.range[1]) return undefined;
  return text.slice(0, node.range[0]) + inlineYaml(value) + text.slice(node.range[1]);
}

/** Puts a new entry behind the last one of the deepest map on the way that is there already. */
function insertEntry(text: string, document: Document, path: Path, value: unknown): string | undefined {
  for (let length = path.length - 1; length >= 0; length -= 1) {
    const parent: unknown = length === 0 ? document.contents : document.getIn(path.slice(0, length), true);
    if (parent === undefined) continue;
    const [key, ...rest] = path.slice(length);
    if (!isMap(parent) || typeof key !== "string" || rest.some((part) => typeof part === "number")) return undefined;
    const entry = `${key}: ${inlineYaml(rest.reduceRight<unknown>((inner, part) => ({ [part]: inner }), value))}`;
    return parent.flow === true ? insertInFlow(text, parent, entry) : insertInBlock(text, parent, entry);
  }
  return undefined;
}

function insertInFlow(text: string, parent: YAMLMap, entry: string): string | undefined {
  if (!parent.range) return undefined;
  const inside = text.slice(parent.range[0] + 1, parent.range[1] - 1).trimEnd();
  if (inside.includes("#")) return undefined;
  const filled = inside.trim() === "" ? ` ${entry}` : `${inside}, ${entry}`;
  return `${text.slice(0, parent.range[0])}{${filled} }${text.slice(parent.range[1])}`;
}

function insertInBlock(text: string, parent: YAMLMap, entry: string): string | undefined {
  const [first] = parent.items;
  const last = parent.items.at(-1);
  const start = first === undefined ? undefined : rangeOf(first)?.[0];
  const end = last === undefined ? undefined : rangeOf(last)?.[1];
  if (start === undefined || end === undefined) return undefined;
  const indent = " ".repeat(start - lineStart(text, start));
  const at = lineEnd(text, lastInk(text, end));
  return `${text.slice(0, at)}\n${indent}${entry}${text.slice(at)}`;
}

/** Takes an entry of a block map away with its line or lines. */
function removeEntry(text: string, document: Document, path: Path): string | undefined {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (parent === undefined) return text;
  if (!isMap(parent) || parent.flow === true) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  const range = pair === undefined ? undefined : rangeOf(pair);
  if (pair === undefined) return text;
  if (range === undefined) return undefined;
  const end = lineEnd(text, lastInk(text, range[1]));
  return text.slice(0, lineStart(text, range[0])) + text.slice(Math.min(text.length, end + 1));
}

/** Where a key begins and its value ends. */
function rangeOf({ key, value }: Pair): [number, number] | undefined {
  if (!isNode(key) || !key.range) return undefined;
  const end = isNode(value) && value.range ? value.range[1] : key.range[1];
  return [key.range[0], end];
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf("\n", offset - 1) + 1;
}

function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end === -1 ? text.length : end;
}

/** The last place before an offset where something is written: the range of a block ends behind its line breaks. */
function lastInk(text: string, offset: number): number {
  let at = offset;
  while (at > 0 && /\s/.test(text.charAt(at - 1))) at -= 1;
  return at;
}

/** A value on one line, as one would write it by hand. */
function inlineYaml(value: unknown, inside = false): string {
  if (Array.isArray(value)) return `[${value.map((entry) => inlineYaml(entry, true)).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => `${inlineYaml(key, true)}: ${inlineYaml(entry, true)}`);
    return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
  }
  const text = stringify(value, { lineWidth: 0 }).trimEnd();
  const isPlain =
    !text.includes("\n") && !(inside && typeof value === "string" && /[,[\]{}]/.test(text) && !/^["']/.test(text));
  return isPlain ? text : JSON.stringify(value);
}
