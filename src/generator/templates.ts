import Handlebars from "handlebars";

/** Reads a template's text; `postgres/postgresql.conf.hbs` is a path below templates/. */
export type TemplateSource = (path: string) => string;

/**
 * Fills in a template of foreign configuration. Strict: a name without a value is an error of ours, found by the first
 * test that renders it. No escaping: the output is configuration, not HTML.
 */
export function fillTemplate(source: TemplateSource, path: string, values: Record<string, unknown>): string {
  return compiled(source, path)(values);
}

const cache = new Map<string, (values: Record<string, unknown>) => string>();

function compiled(source: TemplateSource, path: string): (values: Record<string, unknown>) => string {
  let template = cache.get(path);
  if (template === undefined) {
    template = Handlebars.compile(source(path), { strict: true, noEscape: true, preventIndent: true });
    cache.set(path, template);
  }
  return template;
}
