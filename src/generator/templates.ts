import { compileTemplate, type FilledTemplate } from "./template-compiler.ts";

/** Reads a template's text; `postgres/postgresql.conf.hbs` is a path below templates/. */
export type TemplateSource = (path: string) => string;

const compiled = new Map<string, FilledTemplate>();

/** Fills in a template of foreign configuration; throws on a name without a value. */
export function fillTemplate(source: TemplateSource, path: string, values: Record<string, unknown>): string {
  const template = compiled.get(path) ?? compileTemplate(path, source);
  compiled.set(path, template);
  return template(values);
}
