import { type Document, isCollection, isScalar, parse, parseDocument } from "yaml";
import { messageOf, StackError } from "../support/errors.ts";
import { spliceYaml } from "./yaml-splice.ts";

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
    refuseScalarParent(document, edit);
    const spliced = spliceYaml(text, document, edit.path, edit.value);
    if (spliced !== undefined) return spliced;
    applyEdit(document, edit);
    return document.toString({ lineWidth: 0 });
  }, source);
}

/** What has a value of its own cannot get an entry below it. */
function refuseScalarParent(document: Document, { path, text }: Edit): void {
  for (let length = 1; length < path.length; length += 1) {
    const parent: unknown = document.getIn(path.slice(0, length), true);
    if (isScalar(parent) && parent.value !== null)
      throw refused(
        `--set ${text}: ${path.slice(0, length).join(".")} is ${String(parent)} and has nothing below it`,
        "set that as a whole instead",
      );
  }
}

function applyEdit(document: Document, { path, value }: Edit): void {
  for (let length = 1; length < path.length; length += 1) {
    if (isCollection(document.getIn(path.slice(0, length), true))) continue;
    if (value === undefined) return;
    document.setIn(path.slice(0, length), document.createNode(typeof path[length] === "number" ? [] : {}));
  }
  if (value === undefined) document.deleteIn(path);
  else document.setIn(path, document.createNode(value));
}

function refused(message: string, hint: string): StackError {
  return new StackError({ code: "bad-arguments", exit: "invalidInput", message, hint });
}
