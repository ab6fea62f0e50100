import { type Document, isMap, isNode, isPair, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { z } from "zod";
import { type Position, type Problem, StackError } from "../support/errors.ts";
import { describeIssues, type TextPath } from "./issues.ts";
import { aliasProblems, lastAlias, type PlacedText, syntaxProblems } from "./yaml-problems.ts";

/** A value of the text that does not read back as it was written. */
export interface ChangedScalar {
  text: string;
  path: TextPath;
}

/** The text of stack.yaml as data, with the place of each value and the problems found so far. */
export class Source {
  readonly data: unknown;
  private readonly text: string;
  private readonly document: Document.Parsed;
  private readonly problems: Problem[] = [];
  private readonly file: string;
  private readonly end: number;

  constructor(text: string, file: string) {
    this.file = file;
    this.text = text;
    this.end = Math.max(0, text.trimEnd().length - 1);
    this.document = parseDocument(text, {
      prettyErrors: false,
      merge: true,
      stringKeys: true,
    });
    const found = syntaxProblems(this.document, text);
    for (const problem of found.length > 0 ? found : aliasProblems(this.document)) this.addAt(problem);
    this.data = this.problems.length > 0 ? undefined : this.readData();
  }

  add(path: TextPath, message: string, hint?: string, part: "value" | "key" = "value"): void {
    this.problems.push({ message, position: this.locate(path, part), ...(hint !== undefined && { hint }) });
  }

  /** True where this was told of this place before. */
  knows(path: TextPath, message: string, part: "value" | "key"): boolean {
    const { line, column } = this.locate(path, part);
    return this.problems.some(
      (told) => told.message === message && told.position?.line === line && told.position.column === column,
    );
  }

  addIssues(issues: readonly z.core.$ZodIssue[], base: TextPath): void {
    for (const told of describeIssues(issues, base)) this.add(told.path, told.message, told.hint, told.part);
  }

  throwIfAny(): void {
    if (this.problems.length > 0) throw configError(this.file, this.problems);
  }

  /** The place of a value, or of the nearest one around it that exists. */
  locate(path: TextPath, part: "value" | "key" = "value"): Position {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = this.offsetOf(path.slice(0, length), length === path.length ? part : "key");
      if (offset !== undefined) return this.at(offset);
    }
    return this.at(0);
  }

  /** Numbers and truths that are another text when they are read as such: `0755`, `1.10`, `True`. */
  changedScalars(): ChangedScalar[] {
    const found: ChangedScalar[] = [];
    visit(this.document, {
      Scalar(key, node, ancestors) {
        const text = node.source ?? "";
        if (
          key === "key" ||
          (typeof node.value !== "number" && typeof node.value !== "boolean") ||
          text === String(node.value)
        )
          return;
        found.push({ text, path: pathOf([...ancestors, node]) });
      },
    });
    return found;
  }

  private addAt({ message, hint, offset }: PlacedText): void {
    this.problems.push({ message, position: this.at(offset), ...(hint !== undefined && { hint }) });
  }

  /** Aliases that multiply (a "bomb") make `toJS` throw; that is a fault of the text like any other. */
  private readData(): unknown {
    try {
      const data: unknown = this.document.toJS({ maxAliasCount: 100 });
      if (isPlainMap(data)) return data;
      this.addAt({
        message: "expected a map that begins with name:",
        hint: "see `create-stack presets` for whole examples",
        offset: 0,
      });
    } catch {
      this.addAt({
        message: "its aliases (*name) multiply to far more text than it holds",
        hint: "write the values out instead",
        offset: lastAlias(this.document),
      });
    }
    return undefined;
  }

  private offsetOf(path: TextPath, part: "value" | "key"): number | undefined {
    const parent: unknown = path.length === 1 ? this.document.contents : this.document.getIn(path.slice(0, -1), true);
    const last = path.at(-1);
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(last),
      );
      if (pair === undefined) return undefined;
      const value = pair.value;
      // A key without a value, or a value on lines of its own, is best shown at the key.
      const node = part === "value" && isNode(value) && isScalar(value) && value.value !== null ? value : pair.key;
      return isNode(node) ? node.range?.[0] : undefined;
    }
    const node: unknown = this.document.getIn(path, true);
    return isNode(node) ? node.range?.[0] : undefined;
  }

  /**
   * Never behind the last letter: what is missing at the end is shown where the text ends. Counted here, because the
   * parser's own counter stops at the first token that it does not understand.
   */
  private at(offset: number): Position {
    const before = this.text.slice(0, Math.max(0, Math.min(offset, this.end)));
    const lineStart = before.lastIndexOf("\n") + 1;
    return { file: this.file, line: before.split("\n").length, column: before.length - lineStart + 1 };
  }
}

/** The one error of a stack.yaml, with all its problems in the order of their places. */
export function configError(file: string, problems: readonly Problem[]): StackError {
  const sorted = [...problems].sort(
    (a, b) =>
      (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0),
  );
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new StackError({
    code: "config-invalid",
    exit: "invalidInput",
    message: `${file} has ${count}`,
    problems: sorted,
  });
}

/** True for a YAML map; tags of YAML can make sets, dates and bytes, which are none. */
export function isPlainMap(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Keys and indexes on the way down through these nodes. */
function pathOf(nodes: readonly unknown[]): TextPath {
  return nodes.flatMap((node, index): TextPath => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.value)] : [];
    return isSeq(node) ? [node.items.indexOf(nodes[index + 1])] : [];
  });
}
