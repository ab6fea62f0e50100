import { z } from "zod";
import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import { name } from "./fields.ts";
import { describeIssues, parseOptions, pathText, type TextPath } from "./issues.ts";
import { type ChangedScalar, isPlainMap, type Source } from "./source.ts";

type Tree = Record<string, unknown>;

/** The environment of a stack that was made without saying which; it is there without being named. */
export const usualEnvironment = "production";

const overlayShape = z.strictObject({
  name: name("the stack's name").optional().describe("Another name (default: <name>-<environment>)"),
  components: z
    .record(z.string(), z.unknown(), { error: "expected a map of components" })
    .optional()
    .describe("What differs in the components; null takes one away"),
  backup: z.record(z.string(), z.unknown()).nullable().optional().describe("What differs in the backups"),
  notify: z.record(z.string(), z.unknown()).nullable().optional().describe("What differs in who is told"),
});

/** `environments:` of stack.yaml. */
export const environmentsShape = z
  .record(name("an environment's name"), overlayShape.nullable())
  .optional()
  .describe(
    "What differs in development, staging or production: the same keys once more, laid over those above. Maps are merged, lists replaced, null takes a key away",
  );

/** What stack.yaml says in one environment, and where each value of it stands in the text. */
export interface View {
  /** Undefined where stack.yaml has no `environments:`. */
  environment?: string;
  /** True for the one that is asked for; the others are only checked. */
  chosen: boolean;
  data: Tree;
  /** Components that the environment takes away. */
  removed: string[];
  /** The place in the text of a path of `data`. */
  placeOf(path: TextPath): TextPath;
}

/** The text as one environment sees it: paths are those of its data, problems have their place where the value stands. */
export class PlacedSource {
  private readonly source: Source;
  private readonly view: View;

  constructor(source: Source, view: View) {
    this.source = source;
    this.view = view;
  }

  /** What another environment has told of the same place is told once. */
  add(path: TextPath, message: string, hint?: string, part: "value" | "key" = "value"): void {
    const place = this.view.placeOf(path);
    if (this.source.knows(place, message, part)) return;
    const words = this.view.chosen ? message : `in ${this.view.environment}, ${message}`;
    this.source.add(place, words, hint, part);
  }

  addIssues(issues: readonly z.core.$ZodIssue[], base: TextPath): void {
    for (const told of describeIssues(issues, base)) this.add(told.path, told.message, told.hint, told.part);
  }

  /** Those that this environment reads. */
  changedScalars(): ChangedScalar[] {
    return this.source.changedScalars().flatMap(({ text, path }) => {
      const isOverlay = path[0] === "environments";
      const seen = isOverlay ? path.slice(2) : path;
      const isRead = pathText(this.view.placeOf(seen)) === pathText(path);
      return isRead ? [{ text, path: seen }] : [];
    });
  }
}

/**
 * The environments of a stack.yaml, the chosen one first: all are checked, so that staging's slip is found before its
 * day. Throws `unknown-environment`.
 */
export function viewsOf(source: Source, file: string, chosen: string | undefined): View[] {
  const { environments, ...base } = source.data as Tree;
  const shape = environmentsShape.safeParse(environments, parseOptions);
  if (!shape.success) source.addIssues(shape.error.issues, ["environments"]);
  source.throwIfAny();
  const overlays = (environments ?? {}) as Record<string, Tree | null>;
  const known = [...new Set([...Object.keys(overlays), usualEnvironment])];
  const first = chosen ?? usualEnvironment;
  if (!known.includes(first)) throw unknownEnvironment(first, known, file);
  if (environments === undefined) return [{ chosen: true, data: base, removed: [], placeOf: (path) => path }];
  const inOrder = [first, ...known.filter((environment) => environment !== first)];
  return inOrder.map((environment) => ({
    ...layOver(source, base, environment, overlays[environment] ?? {}),
    chosen: environment === first,
  }));
}

function unknownEnvironment(environment: string, known: readonly string[], file: string): StackError {
  return new StackError({
    code: "unknown-environment",
    exit: "invalidInput",
    message: `${file} has no environment "${environment}"`,
    hint: known.length === 1 ? `add ${environment}: under environments:` : didYouMean(environment, known),
  });
}

function layOver(source: Source, base: Tree, environment: string, overlay: Tree): Omit<View, "chosen"> {
  const prefix = ["environments", environment];
  for (const { path, message, hint } of slips({ components: {}, ...base }, overlay))
    source.add([...prefix, ...path], `in ${environment}, ${message}`, hint);
  const named = environment === usualEnvironment ? base.name : `${String(base.name)}-${environment}`;
  const merged = merge(base, overlay) as Tree;
  return {
    environment,
    data: { ...merged, ...(typeof base.name === "string" && { name: overlay.name ?? named }) },
    removed: Object.entries((overlay.components ?? {}) as Tree).flatMap(([key, value]) =>
      value === null ? [key] : [],
    ),
    placeOf: (path) => (standsIn(overlay, base, path) ? [...prefix, ...path] : path),
  };
}

/** Maps are merged key by key, everything else is replaced, null takes away. */
function merge(base: unknown, overlay: unknown): unknown {
  if (!isPlainMap(overlay)) return overlay;
  const merged: Tree = isPlainMap(base) ? { ...base } : {};
  for (const [key, value] of Object.entries(overlay)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

/** True where the overlay says what is at this path; what both are maps of is where it was first. */
function standsIn(overlay: unknown, base: unknown, path: TextPath): boolean {
  let [over, under] = [overlay, base];
  for (const key of path) {
    if (!isPlainMap(over) || !Object.hasOwn(over, key)) return false;
    over = over[key];
    under = isPlainMap(under) ? under[key] : undefined;
    if (!isPlainMap(over) || !isPlainMap(under)) return true;
  }
  return false;
}

interface Slip {
  path: string[];
  message: string;
  hint: string;
}

/** What cannot be laid over: null for what is not there, and a short form beside a long one, which would lose the rest. */
function slips(under: Tree, over: Tree, trail: string[] = []): Slip[] {
  return Object.entries(over).flatMap(([key, value]) => {
    const path = [...trail, key];
    const before = under[key];
    const isComponent = trail.length === 1 && trail[0] === "components";
    if (value === null) return Object.hasOwn(under, key) ? [] : [nothingToTake(path, key, under, isComponent)];
    if (isComponent && isOtherForm(before, value)) return [otherForm(path, key, isPlainMap(value) ? before : value)];
    return isPlainMap(value) && isPlainMap(before) ? slips(before, value, path) : [];
  });
}

function nothingToTake(path: string[], key: string, under: Tree, isComponent: boolean): Slip {
  const meant = didYouMean(key, Object.keys(under));
  return {
    path,
    message: `${pathText(path)}: null takes away what is there above, and there is no ${key}`,
    hint: isComponent ? `${meant}; to add it with its defaults write ${key}: {}` : meant,
  };
}

function otherForm(path: string[], key: string, short: unknown): Slip {
  return {
    path,
    message: `${pathText(path)}: the short form ${JSON.stringify(short)} and a map cannot be laid over each other`,
    hint: `write both as maps, such as ${key}: { version: … }`,
  };
}

function isOtherForm(before: unknown, value: unknown): boolean {
  if (before === undefined || before === null || value === null) return false;
  return isPlainMap(before) !== isPlainMap(value);
}
