import Handlebars from "handlebars";

export type FilledTemplate = (values: Record<string, unknown>) => string;

/**
 * How templates are compiled, here and by the build, which does it beforehand. Strict: a name without a value is an error
 * of ours, found by the first test that renders it. No escaping: the output is configuration, not HTML.
 */
export const templateOptions = { strict: true, noEscape: true, preventIndent: true } as const;

/** Compiles one template. The built program has this module replaced by one that looks the compiled form up. */
export function compileTemplate(path: string, source: (path: string) => string): FilledTemplate {
  return Handlebars.compile(source(path), templateOptions);
}
