import { type Document, isCollection, isNode, isScalar, parse, parseDocument, stringify } from "yaml";
import { messageOf, StackError } from "../support/errors.ts";

type Path = (string | number)[];

/** One `--set PATH=VALUE`: the value is YAML; undefined takes the entry away. */
export interface Edit {
  path: Path;
  value: unknown;
  /** As it was typed. */
  text: string;
}

/** Reads `components.server.routes[0]=app.example.com`. */
export function parseEdit(text: string): Edit {
  const [, place = "", value = ""] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? [];
  if (!/^[\w-]+(\.[\w-]+|\[\d+\])*$/.test(place))
    throw refused(`--set ${text}: expected PATH=VALUE`, "such as --set components.server.image=ghcr.io/you/app:1.4.2");
  const path = [...place.matchAll(/([\w-]+)|\[(\d+)\]/g)].map(([, key, index]) =>
    index === undefined ? (key ?? "") : Number(index),
  );
  if (value === "") return { path, value: undefined, text };
  try {
    return { path, value: parse(value), text };
  } catch (error) {
    throw refused(`--set ${text}: the value is not valid YAML: ${messageOf(error).split("\n")[0]}`, "quote the value");
  }
}

/** Applies edits to the text of a stack.yaml; comments, order and, where it can be, the layout of the rest stay. */
export function editStackYaml(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, edit) => {
    const document = parseDocument(text);
    // A text that is no YAML is told by the loader, with places.
    if (document.errors.length > 0) return text;
    const spliced = replaceInPlace(text, document, edit);
    if (spliced !== undefined) return spliced;
    applyEdit(document, edit);
    return document.toString({ lineWidth: 0 });
  }, source);
}

/** Puts a value that fits on one line where such a one stands; undefined where it has to be done with the whole document. */
function replaceInPlace(text: string, document: Document, { path, value }: Edit): string | undefined {
  const line = oneLine(value);
  const node: unknown = document.getIn(path, true);
  const replaceable = (isScalar(node) && node.type !== "BLOCK_LITERAL" && node.type !== "BLOCK_FOLDED") || isFlow(node);
  if (line === undefined || !replaceable || !isNode(node) || !node.range || node.range[0] === node.range[1])
    return undefined;
  return text.slice(0, node.range[0]) + line + text.slice(node.range[1]);
}

function isFlow(node: unknown): boolean {
  return isCollection(node) && node.flow === true;
}

function oneLine(value: unknown): string | undefined {
  if (value === undefined || (typeof value === "string" && /[\n,[\]{}]/.test(value))) return undefined;
  if (Array.isArray(value)) {
    const entries = value.map(oneLine);
    return entries.includes(undefined) ? undefined : `[${entries.join(", ")}]`;
  }
  return typeof value === "object" && value !== null ? undefined : stringify(value, { lineWidth: 0 }).trimEnd();
}

function applyEdit(document: Document, { path, value, text }: Edit): void {
  for (let length = 1; length < path.length; length += 1) {
    const parent: unknown = document.getIn(path.slice(0, length), true);
    if (isCollection(parent)) continue;
    if (parent !== undefined && !(isScalar(parent) && parent.value === null))
      throw refused(
        `--set ${text}: ${path.slice(0, length).join(".")} is ${String(parent)} and has nothing below it`,
        "set that as a whole instead",
      );
    if (value === undefined) return;
    document.setIn(path.slice(0, length), document.createNode(typeof path[length] === "number" ? [] : {}));
  }
  if (value === undefined) document.deleteIn(path);
  else document.setIn(path, document.createNode(value));
}

function refused(message: string, hint: string): StackError {
  return new StackError({ code: "bad-arguments", exit: "invalidInput", message, hint });
}
