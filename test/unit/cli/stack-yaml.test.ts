import { describe, expect, test } from "vitest";
import { editStackYaml, parseEdit } from "../../../src/cli/stack-yaml.ts";
import { StackError } from "../../../src/support/errors.ts";

const source = `# the first line
name: web   # its name

components:
  traefik:
    acme: { email: ops@example.com }     # aligned
  app:
    image: ghcr.io/you/app:1.0.0
    routes: [app.example.com]
  postgres: 17
  redis:
`;

function edited(...edits: string[]): string {
  return editStackYaml(source, edits.map(parseEdit));
}

function refusal(...edits: string[]): string {
  try {
    edited(...edits);
  } catch (error) {
    if (error instanceof StackError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("--set", () => {
  test("without edits the text stays as it is", () => {
    expect(edited()).toBe(source);
  });

  test("a value that stands there is replaced where it stands; everything else stays, to the space", () => {
    expect(edited("name=shop", "components.app.image=x/y:2", "components.postgres=18")).toBe(
      source
        .replace("name: web", "name: shop")
        .replace("ghcr.io/you/app:1.0.0", "x/y:2")
        .replace("postgres: 17", "postgres: 18"),
    );
    expect(edited("components.app.routes=[a.b.c, d.e.f]")).toBe(source.replace("[app.example.com]", "[a.b.c, d.e.f]"));
    expect(edited("components.traefik.acme.email=me@x.org")).toBe(source.replace("ops@example.com", "me@x.org"));
  });

  test("the value is YAML", () => {
    expect(edited('name="017"')).toContain('name: "017"');
    expect(edited("components.app.image=")).not.toContain("image");
    expect(edited("components.app.env={A: 1}")).toMatch(/env:\s+A: 1|env: \{ A: 1 \}/);
  });

  test("a new entry comes behind its neighbours", () => {
    expect(edited("components.app.limits.memory=1g")).toBe(
      source.replace("    routes: [app.example.com]\n", "    routes: [app.example.com]\n    limits: { memory: 1g }\n"),
    );
    expect(edited("components.traefik.acme.staging=true")).toBe(
      source.replace("{ email: ops@example.com }", "{ email: ops@example.com, staging: true }"),
    );
    expect(edited("components.worker.type=app")).toBe(
      source.replace("  redis:\n", "  redis:\n  worker: { type: app }\n"),
    );
  });

  test("an entry is taken away with its line", () => {
    expect(edited("components.app.routes=")).toBe(source.replace("    routes: [app.example.com]\n", ""));
    expect(edited("components.traefik=")).toBe(source.replace(/ {2}traefik:\n.*\n/, ""));
    expect(edited("components.app.nothing=")).toBe(source);
  });

  test("values that would be read as something else are quoted", () => {
    expect(edited('components.app.migrate=[a, "b, c", "1"]')).toContain('migrate: [a, "b, c", "1"]');
  });

  test("what is missing on the way is made; comments stay", () => {
    const text = edited("components.redis.limits.memory=64m");
    expect(text).toMatch(/ {2}redis:\n {4}limits:\n {6}memory: 64m\n/);
    expect(text).toContain("# aligned");
    expect(text).toContain("# the first line");
  });

  test("an entry of a list", () => {
    expect(edited("components.app.routes[0]=a.b.c")).toContain("routes: [a.b.c]");
    expect(edited("components.app.routes[1]=a.b.c")).toMatch(/routes: \[ ?app.example.com, a.b.c ?\]/);
  });

  test.each([
    ["name", "--set name: expected PATH=VALUE"],
    ["a b=1", "--set a b=1: expected PATH=VALUE"],
    ["=1", "--set =1: expected PATH=VALUE"],
    [
      "components.postgres.version=18",
      "--set components.postgres.version=18: components.postgres is 17 and has nothing below it",
    ],
  ])("%s is refused", (edit, expected) => {
    expect(refusal(edit)).toBe(expected);
  });

  test("a value that is no YAML is refused", () => {
    expect(refusal("name=[")).toMatch(/^--set name=\[: the value is not valid YAML/);
  });

  test("a text that is no YAML is left to the loader, which tells the place", () => {
    expect(editStackYaml("a: [", [parseEdit("name=x")])).toBe("a: [");
  });
});
