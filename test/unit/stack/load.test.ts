import { describe, expect, test } from "vitest";
import { appWith, catalogue, complaintsOf, stackOf } from "../../support/catalogue.ts";

const types = catalogue.components.map(({ type }) => type).join(", ");

/** What is wrong, the text of stack.yaml, and what its writer reads. */
type Row = [what: string, text: string, complaints: string];

describe("a stack.yaml that cannot be read is told with its place", () => {
  describe("text that is no map", () => {
    test.each<Row>([
      ["empty", "", "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples"],
      [
        "only a comment",
        `# nothing yet
`,
        "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples",
      ],
      ["null", "null", "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples"],
      ["text", "hello", "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples"],
      ["a number", "42", "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples"],
      [
        "a list",
        `- a
- b`,
        "1:1 expected a map that begins with name:\n  see `create-stack presets` for whole examples",
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("broken YAML", () => {
    test.each<Row>([
      [
        "a brace that is not closed",
        `name: shop
components: { postgres: {}`,
        "2:26 a { before this is not closed",
      ],
      [
        "a brace that is not closed, lines later",
        `name: shop
components:
  postgres: { version: 17
  redis: {}
`,
        "4:3 a { before this is not closed",
      ],
      [
        "a bracket that is not closed",
        `name: shop
components: [a, b
`,
        "2:17 a [ before this is not closed",
      ],
      [
        "a quote that is not closed",
        `name: "shop
components:
  postgres: {}
`,
        `3:14 a " is opened and never closed`,
      ],
      [
        "a single quote that is not closed",
        `name: 'shop
components:
  postgres: {}
`,
        "3:14 a ' is opened and never closed",
      ],
      [
        "a key indented too far",
        `name: shop
 components:
  postgres: {}
`,
        `1:7 a second key begins inside this value
  check the indentation; text with ": " in it must be in quotes`,
      ],
      [
        "a key not indented enough",
        `name: shop
components:
  postgres: {}
 redis: {}
`,
        "4:1 the indentation does not fit the lines around it",
      ],
      [
        "two keys on one line",
        `name: shop: two
components:
  postgres: {}
`,
        `1:7 a second key begins inside this value
  check the indentation; text with ": " in it must be in quotes`,
      ],
      [
        "a tab",
        "name: shop\ncomponents:\n\tpostgres: {}\n",
        `3:1 a tab cannot indent YAML
  use spaces`,
      ],
      [
        "no space behind a colon",
        `name:shop
components:
  postgres: {}
`,
        `1:1 expected key: value
  the colon and the space behind it make the key: name: shop`,
      ],
      [
        "no colon",
        `name: shop
components:
  postgres: {}
redis
`,
        `4:1 expected key: value
  the colon is missing`,
      ],
      [
        "a list behind a map",
        `name: shop
components:
  postgres: {}
- redis
`,
        `4:1 a list begins where a key is expected
  check the indentation`,
      ],
      [
        "a value that begins with @",
        `name: @shop
components:
  postgres: {}
`,
        "1:7 text that begins with @ must be in quotes",
      ],
      [
        "a value that begins with %",
        `name: %shop
components:
  postgres: {}
`,
        "1:7 text that begins with % must be in quotes",
      ],
      [
        "an escape that is none",
        'name: "\\q"\ncomponents:\n  postgres: {}\n',
        "1:8 unknown escape in double quotes: \\q\n  in single quotes \\ is an ordinary letter",
      ],
      [
        "a second document",
        `name: shop
components:
  postgres: {}
---
name: other
`,
        `4:1 a second document begins here
  keep one: remove this line and the rest`,
      ],
      [
        "a tag",
        `name: !secret shop
components:
  postgres: {}
`,
        `1:7 tags such as !secret have no meaning here
  remove it`,
      ],
      [
        "a list as a key",
        `name: shop
components:
  ? [a, b]
  : {}
`,
        "3:5 expected a word as the key of this map",
      ],
      [
        "two faults far from each other",
        `name: @shop
components:
  postgres: {}
  redis: %x
`,
        `1:7 text that begins with @ must be in quotes
4:10 text that begins with % must be in quotes`,
      ],
      [
        "lines that end as on Windows",
        "name: shop\r\ncomponents:\r\n  postgre: {}\r\n",
        `3:3 unknown component "postgre"
  did you mean "postgres"? (an application of yours needs type: app)`,
      ],
      ["a byte order mark is fine", "\uFEFFname: shop\ncomponents:\n  postgres: {}\n", "fine"],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("keys that stand twice", () => {
    test.each<Row>([
      [
        "at the top",
        `name: shop
name: other
components:
  postgres: {}
`,
        `2:1 the key name stands twice in the same map
  keep one`,
      ],
      [
        "a component",
        stackOf(`postgres: {}
redis: {}
postgres: {}`),
        `5:3 the key postgres stands twice in the same map
  keep one`,
      ],
      [
        "an option",
        appWith(`port: 1
port: 2`),
        `7:5 the key port stands twice in the same map
  keep one`,
      ],
      [
        "in braces",
        appWith("limits: { cpus: 1, cpus: 2 }"),
        `6:24 the key cpus stands twice in the same map
  keep one`,
      ],
      [
        "one that JavaScript keeps for itself",
        appWith("env: { __proto__: x }"),
        `6:12 "__proto__" cannot be a key
  choose another name`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("aliases", () => {
    test.each<Row>([
      [
        "that are used well are fine",
        `name: shop
components:
  web: { type: app, image: foo/web:1, limits: &small { cpus: 1, memory: 64m } }
  worker: { type: app, image: foo/web:1, limits: { <<: *small, cpus: 2 } }
`,
        "fine",
      ],
      [
        "that point at nothing",
        stackOf("postgres: { limits: *small }"),
        "3:23 *small points at nothing: no &small stands above it",
      ],
      [
        "that point at what they stand in",
        stackOf(`postgres: &all
  limits: *all`),
        "4:13 *all stands inside what it points at",
      ],
      [
        "that are merged and are no map",
        stackOf("web: { type: app, image: &image foo/web:1, env: { <<: *image } }"),
        `3:53 << takes the keys of another map
  write <<: *name, with &name at that map`,
      ],
      [
        "a merge of a number",
        stackOf("postgres: { <<: 3 }"),
        `3:15 << takes the keys of another map
  write <<: *name, with &name at that map`,
      ],
      [
        "that multiply without end",
        `a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
name: shop
components: [*c, *c, *c, *c, *c]
`,
        `5:30 its aliases (*name) multiply to far more text than it holds
  write the values out instead`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("the outer map", () => {
    test.each<Row>([
      ["no name", "components: { postgres: {} }", "1:1 name is missing; expected the stack's name"],
      [
        "a name without a value",
        `name:
components:
  postgres: {}
`,
        "1:1 name has no value; expected the stack's name",
      ],
      [
        "a name that is a number",
        `name: 12
components:
  postgres: {}
`,
        "1:7 name: expected the stack's name, got 12",
      ],
      [
        "a name in capitals",
        `name: Shop
components:
  postgres: {}
`,
        `1:7 name: expected the stack's name: lower-case letters, digits and "-", starting with a letter, at most 63, got "Shop"`,
      ],
      [
        "a name that is too long",
        `name: ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss
components:
  postgres: {}
`,
        `1:7 name: expected the stack's name: lower-case letters, digits and "-", starting with a letter, at most 63, got "ssssssssssssssssssssssssssssssssssssssssssssssssssssssss…"`,
      ],
      [
        "a name that is a map",
        `name: { a: 1 }
components:
  postgres: {}
`,
        "1:1 name: expected the stack's name",
      ],
      ["no components", "name: shop", "1:1 components is missing; expected a map of components, such as postgres: 17"],
      [
        "components without a value",
        `name: shop
components:
`,
        "2:1 components has no value; expected a map of components, such as postgres: 17",
      ],
      [
        "an empty map of components",
        `name: shop
components: {}
`,
        `2:1 the stack has no components
  add one, such as an app or postgres: {}`,
      ],
      [
        "a list of components",
        `name: shop
components: [postgres]
`,
        "2:1 components: expected a map of components, such as postgres: 17",
      ],
      [
        "text for components",
        `name: shop
components: postgres
`,
        `2:13 components: expected a map of components, such as postgres: 17, got "postgres"`,
      ],
      [
        "a YAML set",
        `name: shop
components: !!set { postgres }
`,
        "2:1 components: expected a map of components, such as postgres: 17",
      ],
      [
        "a mistyped key",
        `name: shop
component:
  postgres: {}
`,
        `2:1 unknown key "component"
  did you mean "components"?`,
      ],
      [
        "a key of Compose",
        `version: '3'
name: shop
components:
  postgres: {}
`,
        `1:1 unknown key "version"
  known: name, components, backup, notify`,
      ],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });

  describe("components and their types", () => {
    test.each<Row>([
      [
        "a mistyped key",
        stackOf("postgress: {}"),
        `3:3 unknown component "postgress"
  did you mean "postgres"? (an application of yours needs type: app)`,
      ],
      [
        "a type that is not there",
        stackOf("elasticsearch: {}"),
        `3:3 unknown component "elasticsearch"
  known: ${types} (an application of yours needs type: app)`,
      ],
      [
        "an app without type",
        stackOf("web: { image: foo/web:1 }"),
        `3:3 unknown component "web"
  an application of yours needs type: app`,
      ],
      [
        "an app that is only text",
        stackOf("web: app"),
        `3:3 unknown component "web"
  known: ${types} (an application of yours needs type: app)`,
      ],
      [
        "nothing behind the key",
        stackOf("web:"),
        `3:3 unknown component "web"
  known: ${types} (an application of yours needs type: app)`,
      ],
      [
        "a mistyped type",
        stackOf("web: { type: ap, image: foo/web:1 }"),
        `3:16 unknown component type "ap"
  did you mean "app"?`,
      ],
      [
        "a type that is a number",
        stackOf("web: { type: 3 }"),
        `3:16 expected the type of the component
  known: ${types}`,
      ],
      [
        "a type without a value",
        stackOf("web: { type: }"),
        `3:10 expected the type of the component
  known: ${types}`,
      ],
      [
        "a type that is a list",
        stackOf("web: { type: [app] }"),
        `3:10 expected the type of the component
  known: ${types}`,
      ],
      [
        "a key in capitals",
        stackOf("Web: { type: app, image: foo/web:1 }"),
        `3:3 "Web": expected a component's name: lower-case letters, digits and "-", starting with a letter, at most 63`,
      ],
      [
        "a key with an underscore",
        stackOf("my_db: { type: postgres }"),
        `3:3 "my_db": expected a component's name: lower-case letters, digits and "-", starting with a letter, at most 63`,
      ],
      [
        "a key that is a number",
        stackOf("1: { type: postgres }"),
        `3:3 "1": expected a component's name: lower-case letters, digits and "-", starting with a letter, at most 63`,
      ],
      [
        "a key that is too long",
        stackOf("wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww: { type: app, image: foo/web:1 }"),
        `3:3 "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww": expected a component's name: lower-case letters, digits and "-", starting with a letter, at most 63`,
      ],
      ["a number for options", stackOf("redis: 3"), "3:10 components.redis: expected a map, got 3"],
      ["a list for options", stackOf("redis: [a]"), "3:3 components.redis: expected a map"],
      ["true for options", stackOf("redis: true"), "3:10 components.redis: expected a map, got true"],
      ["nothing for options is fine", stackOf("redis:"), "fine"],
    ])("%s", (_, text, expected) => {
      expect(complaintsOf(text)).toBe(expected);
    });
  });
});
