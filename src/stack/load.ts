import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { type Position, type Problem, StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import type { ComponentConfig, ComponentSchema, StackConfig } from "./config.ts";
import { name } from "./fields.ts";
import { describeIssue, parseOptions } from "./issues.ts";

type Path = readonly (string | number)[];

/** The outer shape of stack.yaml; each component's section is checked by its own schema. */
export const stackShape = z.strictObject({
  name: name("the stack's name").describe(
    "Name of the stack; the Compose project and every container are named after it",
  ),
  components: z
    .record(z.string(), z.unknown(), { error: "expected a map of components, such as postgres: 17" })
    .describe(
      "What the stack is made of. The key is the Compose service name; its type is the key unless `type:` says otherwise",
    ),
});

/**
 * Reads stack.yaml: YAML, then shape, then each component's options. Everything that is wrong is reported at once in
 * one StackError (`config-invalid`), each problem with its line and column.
 */
export function loadStackConfig(text: string, file: string, schemas: readonly ComponentSchema[]): StackConfig {
  const source = new Source(text, file);
  source.throwIfAny();
  const shape = stackShape.safeParse(source.data, parseOptions);
  if (!shape.success) source.addIssues(shape.error.issues, []);
  const entries =
    isRecord(source.data) && isRecord(source.data.components) ? Object.entries(source.data.components) : [];
  if (isRecord(source.data) && isRecord(source.data.components) && entries.length === 0)
    source.add(["components"], "the stack has no components", "add one, such as an app or postgres: {}");
  const components = entries.flatMap(([key, value]) => loadComponent(source, key, value, schemas));
  source.throwIfAny();
  return { name: shape.data?.name ?? "", components, locate: (path) => source.locate(path) };
}

function loadComponent(
  source: Source,
  key: string,
  value: unknown,
  schemas: readonly ComponentSchema[],
): ComponentConfig[] {
  const path = ["components", key];
  const keyIssue = name("a component's name").safeParse(key);
  if (!keyIssue.success) source.add(path, `"${key}": ${keyIssue.error.issues[0]?.message}`, undefined, "key");
  const declared = isRecord(value) ? value.type : undefined;
  if (declared !== undefined && typeof declared !== "string") {
    source.add(
      [...path, "type"],
      `expected the type of a component as text; known: ${schemas.map((schema) => schema.type).join(", ")}`,
    );
    return [];
  }
  const type = declared ?? key;
  const schema = schemas.find((candidate) => candidate.type === type);
  if (schema === undefined) {
    const types = schemas.map((candidate) => candidate.type);
    if (declared === undefined)
      source.add(
        path,
        `unknown component "${key}"`,
        `${didYouMean(key, types)}; an application of yours has type: app`,
        "key",
      );
    else source.add([...path, "type"], `unknown component type "${type}"`, didYouMean(type, types));
    return [];
  }
  const options = isRecord(value)
    ? Object.fromEntries(Object.entries(value).filter(([option]) => option !== "type"))
    : (value ?? {});
  const parsed = schema.options.safeParse(options, parseOptions);
  if (!parsed.success) source.addIssues(parsed.error.issues, path);
  return parsed.success ? [{ key, type, options: parsed.data }] : [];
}

/** The parsed text with its places and the problems found so far. */
class Source {
  readonly data: unknown;
  private readonly lines = new LineCounter();
  private readonly document: Document.Parsed;
  private readonly problems: Problem[] = [];
  private readonly file: string;

  constructor(text: string, file: string) {
    this.file = file;
    this.document = parseDocument(text, { lineCounter: this.lines, prettyErrors: false, merge: true });
    for (const error of [...this.document.errors, ...this.document.warnings]) {
      this.problems.push({ message: yamlMessage(error.code, error.message), position: this.at(error.pos[0]) });
    }
    this.data = this.problems.length > 0 ? undefined : this.readData();
  }

  add(path: Path, message: string, hint?: string, part: "value" | "key" = "value"): void {
    this.problems.push({ message, position: this.locate(path, part), ...(hint !== undefined && { hint }) });
  }

  addIssues(issues: readonly z.core.$ZodIssue[], base: Path): void {
    for (const issue of issues) {
      for (const told of describeIssue(issue)) {
        const path = [...base, ...told.path];
        const where = path.length === 0 ? "" : `${pathText(path)}: `;
        this.add(path, `${where}${told.message}`, told.hint, told.part);
      }
    }
  }

  throwIfAny(): void {
    if (this.problems.length === 0) return;
    const sorted = [...this.problems].sort(
      (a, b) =>
        (a.position?.line ?? 0) - (b.position?.line ?? 0) || (a.position?.column ?? 0) - (b.position?.column ?? 0),
    );
    throw configError(this.file, sorted);
  }

  locate(path: Path, part: "value" | "key" = "value"): Position {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = this.offsetOf(path.slice(0, length), length === path.length ? part : "key");
      if (offset !== undefined) return this.at(offset);
    }
    return this.at(0);
  }

  /** Aliases that multiply (a "bomb") make `toJS` throw; that is a fault of the text like any other. */
  private readData(): unknown {
    try {
      const data: unknown = this.document.toJS({ maxAliasCount: 100 });
      if (!isRecord(data))
        this.problems.push({
          message: "expected a map that begins with name:",
          hint: "see `create-stack presets` for whole examples",
          position: this.at(0),
        });
      return data;
    } catch (error) {
      this.problems.push({ message: error instanceof Error ? error.message : String(error), position: this.at(0) });
      return undefined;
    }
  }

  private offsetOf(path: Path, part: "value" | "key"): number | undefined {
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

  private at(offset: number): Position {
    const { line, col } = this.lines.linePos(offset);
    return { file: this.file, line: Math.max(1, line), column: Math.max(1, col) };
  }
}

/** The one error of a stack.yaml, with all its problems. */
export function configError(file: string, problems: Problem[]): StackError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new StackError({ code: "config-invalid", exit: "invalidInput", message: `${file} has ${count}`, problems });
}

/** `components.server.routes[0].host` */
export function pathText(path: Path): string {
  return path.map((part, index) => (typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`)).join("");
}

function yamlMessage(code: string, message: string): string {
  const friendly: Record<string, string> = {
    TAB_AS_INDENT: "tabs cannot indent YAML; use spaces",
    DUPLICATE_KEY: "this key stands twice in the same map; keep one",
    BAD_INDENT: "the indentation does not fit the lines around it",
    MISSING_CHAR: `not valid YAML: ${message}`,
  };
  return friendly[code] ?? `not valid YAML: ${message}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
