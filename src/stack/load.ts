import { z } from "zod";
import { didYouMean } from "../support/suggest.ts";
import { backupConfig, backupProblems, backupShape } from "./backup.ts";
import type { ComponentConfig, ComponentSchema, StackConfig } from "./config.ts";
import { PlacedSource, type View, viewsOf } from "./environments.ts";
import { name } from "./fields.ts";
import { parseOptions, pathText, type TextPath } from "./issues.ts";
import { notifyProblems, notifySettings, notifyShape } from "./notify.ts";
import { isPlainMap, Source } from "./source.ts";

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
  backup: backupShape,
  notify: notifyShape,
});

/**
 * Reads stack.yaml for one environment (production where none is named): YAML, overlay, shape, then each component's
 * options. Everything that is wrong, also in the other environments, is reported at once in one StackError
 * (`config-invalid`), each problem with its line and column.
 */
export function loadStackConfig(
  text: string,
  file: string,
  schemas: readonly ComponentSchema[],
  environment?: string,
): StackConfig {
  const source = new Source(text, file);
  source.throwIfAny();
  const [config] = viewsOf(source, file, environment).map((view) => loadView(source, view, schemas));
  source.throwIfAny();
  if (config === undefined) throw new Error("a stack.yaml has at least one environment");
  return config;
}

function loadView(text: Source, view: View, schemas: readonly ComponentSchema[]): StackConfig {
  const source = new PlacedSource(text, view);
  const shape = stackShape.safeParse(view.data, parseOptions);
  if (!shape.success) source.addIssues(shape.error.issues, []);
  const section = view.data.components;
  const entries = isPlainMap(section) ? Object.entries(section) : [];
  if (isPlainMap(section) && entries.length === 0)
    source.add(["components"], "the stack has no components", "add one, such as an app or postgres: {}");
  const components = entries.flatMap(([key, value]) => loadComponent(source, key, value, schemas));
  const backup = shape.data?.backup ?? backupShape.parse({});
  for (const { path, message, hint } of backupProblems(backup)) source.add(["backup", ...path], message, hint);
  const notify = shape.data?.notify ?? {};
  for (const { path, message, hint } of notifyProblems(notify)) source.add(["notify", ...path], message, hint);
  refuseChangedText(source, components);
  const stack = shape.data?.name ?? "";
  return {
    name: stack,
    ...(view.environment !== undefined && { environment: view.environment }),
    removed: view.removed,
    components,
    backup: backupConfig(backup, stack),
    notify: notifySettings(notify),
    locate: (path) => text.locate(view.placeOf(path)),
  };
}

function loadComponent(
  source: PlacedSource,
  key: string,
  value: unknown,
  schemas: readonly ComponentSchema[],
): ComponentConfig[] {
  const path = ["components", key];
  const keyIssue = name("a component's name").safeParse(key);
  if (!keyIssue.success) {
    source.add(path, `"${key}": ${keyIssue.error.issues[0]?.message}`, undefined, "key");
    return [];
  }
  const schema = schemaOf(source, key, value, schemas);
  if (schema === undefined) return [];
  const options = isPlainMap(value)
    ? Object.fromEntries(Object.entries(value).filter(([option]) => option !== "type"))
    : (value ?? {});
  const parsed = schema.options.safeParse(options, parseOptions);
  if (!parsed.success) source.addIssues(parsed.error.issues, path);
  return parsed.success ? [{ key, type: schema.type, options: parsed.data }] : [];
}

function schemaOf(
  source: PlacedSource,
  key: string,
  value: unknown,
  schemas: readonly ComponentSchema[],
): ComponentSchema | undefined {
  const path = ["components", key];
  const types = schemas.map((schema) => schema.type);
  const declared = isPlainMap(value) ? value.type : undefined;
  const schema = schemas.find((candidate) => candidate.type === (declared ?? key));
  if (schema !== undefined && (declared === undefined || typeof declared === "string")) return schema;
  if (declared === undefined) {
    const isApp = isPlainMap(value) && "image" in value;
    const app = "an application of yours needs type: app";
    source.add(path, `unknown component "${key}"`, isApp ? app : `${didYouMean(key, types)} (${app})`, "key");
  } else if (typeof declared === "string")
    source.add([...path, "type"], `unknown component type "${declared}"`, didYouMean(declared, types));
  else source.add([...path, "type"], "expected the type of the component", `known: ${types.join(", ")}`);
  return undefined;
}

/** Where text is wanted, a number that does not read back as it was written would silently be another text. */
function refuseChangedText(source: PlacedSource, components: readonly ComponentConfig[]): void {
  const options = Object.fromEntries(components.map((component) => [component.key, component.options]));
  for (const { text, path } of source.changedScalars()) {
    const read = valueAt({ components: options }, path);
    if (typeof read === "string" && read !== text)
      source.add(path, `${pathText(path)}: without quotes ${text} is read as ${read}`, `write it in quotes: "${text}"`);
  }
}

function valueAt(data: unknown, path: TextPath): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null ? (value as Record<string, unknown>)[part] : undefined,
    data,
  );
}
