import { z } from "zod";

/** `settings:` of a server: lines of its own configuration file, but for those that the stack decides. */
export function serverSettings(file: string, name: RegExp, own: readonly string[]) {
  return z
    .record(
      z
        .string()
        .regex(name, `expected the name of a setting of ${file}`)
        .refine((text) => !own.includes(text), "this setting belongs to the stack and cannot be changed here"),
      z.union([
        z.string().regex(/^[^\r\n]*$/, "expected a value on one line"),
        z.number({ error: "expected text, a number, or true or false" }),
        z.boolean(),
      ]),
    )
    .default({});
}
