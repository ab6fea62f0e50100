import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { stackSchema } from "../../../src/generator/schema.ts";
import { environmentOf, renderStack, runCreate, runGenerate } from "../../../src/operations/generate.ts";
import { StackError } from "../../../src/support/errors.ts";
import { carried, catalogue } from "../../support/catalogue.ts";

const base = `name: shop
components:
  traefik: { acme: { email: ops@example.com } }
  web:
    type: app
    image: foo/web:1
    port: 3000
    routes: [shop.example.com, www.shop.example.com]
    uses: [postgres]
    env: { LEVEL: info, KIND: "1.0" }
    limits: { cpus: 2, memory: 1g }
    sentry: sentry_dsn
  postgres: { version: 17, limits: { memory: 2g } }
backup:
  encrypt: { off: true }
  destinations: { offsite: { bucket: shop-copies, credentials: offsite_s3 } }
notify:
  slack: { webhook: slack_webhook }
`;

const modelOf = (text: string, environment?: string) => renderStack(text, catalogue, carried, { environment }).model;

function failure(work: () => unknown): StackError {
  try {
    work();
  } catch (error) {
    if (error instanceof StackError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

/** What is wrong, as its reader sees it. */
function complaints(text: string, environment?: string): string[] {
  const { problems } = failure(() => modelOf(text, environment));
  return problems.map(
    ({ message, hint, position }) =>
      `${position?.line}:${position?.column} ${message}${hint === undefined ? "" : ` -> ${hint}`}`,
  );
}

const staging = `${base}environments:
  staging:
    components:
      traefik: { acme: { staging: true } }
      web: { replicas: 2, routes: [staging.example.com], env: { LEVEL: debug }, limits: { memory: 256m } }
      mailbox: { type: app, image: mail/box:1, port: 8025 }
      postgres: { limits: { memory: 512m } }
    backup: null
    notify:
      slack: null
      email: { to: dev@example.com, smtp: "smtp.example.com:587" }
`;

describe("environments: of stack.yaml", () => {
  test("without one the stack is as it was, and knows of none", () => {
    expect(modelOf(base)).toEqual(modelOf(base, "production"));
    expect(modelOf(base).environment).toBeUndefined();
    const { source: _, environment, ...production } = modelOf(staging);
    const { source: __, ...plain } = modelOf(base);
    expect(environment).toBe("production");
    expect(production).toEqual(plain);
  });

  test("maps are merged, lists and values replaced, null takes away, and what is new joins", () => {
    const model = modelOf(staging, "staging");
    const web = model.services.find(({ name }) => name === "web");
    expect(web).toMatchObject({ image: "foo/web:1", replicas: 2, limits: { cpus: 2, memory: 256 * 1024 ** 2 } });
    expect(web?.environment).toMatchObject({ LEVEL: "debug", KIND: "1.0" });
    expect(model.routes.map(({ host }) => host)).toEqual(["staging.example.com"]);
    const postgres = model.services.find(({ name }) => name === "postgres");
    expect(postgres).toMatchObject({
      image: expect.stringContaining("postgres:17"),
      limits: { memory: 512 * 1024 ** 2 },
    });
    expect(model.services.map(({ name }) => name)).toContain("mailbox");
    expect(model.backup.destinations).toEqual([]);
    expect(Object.keys(model.notify)).toEqual(["email"]);
    expect(model.files.find(({ path }) => path.endsWith("traefik.yml"))?.content).toContain("acme-staging");
  });

  test("it has a name of its own, so that nothing of production is touched", () => {
    const text = `${base}environments: { staging: {}, development: { name: playground } }\n`;
    expect(modelOf(text, "production").name).toBe("shop");
    expect(modelOf(text, "staging").name).toBe("shop-staging");
    expect(modelOf(text, "staging").backup.destinations[0]?.prefix).toBe("shop-staging");
    expect(modelOf(text, "development").name).toBe("playground");
  });

  test("Sentry is told of it", () => {
    const of = (environment: string) =>
      modelOf(staging, environment).services.find(({ name }) => name === "web")?.environment.SENTRY_ENVIRONMENT;
    expect([of("production"), of("staging")]).toEqual(["production", "staging"]);
  });

  test("one that is not there is told, with the one that was meant", () => {
    const error = failure(() => modelOf(staging, "stagin"));
    expect([error.code, error.message, error.hint]).toEqual([
      "unknown-environment",
      'stack.yaml has no environment "stagin"',
      'did you mean "staging"?',
    ]);
    expect(failure(() => modelOf(base, "staging")).hint).toBe("add staging: under environments:");
  });
});

describe("what is wrong in an environment has its place there", () => {
  const overlay = (lines: string) =>
    `${base}environments:\n  staging:\n    components:\n${lines.replace(/^/gm, "      ")}\n`;

  test.each<[what: string, lines: string, expected: string[]]>([
    [
      "a value of the wrong kind",
      "web: { replicas: many }",
      ['22:24 in staging, components.web.replicas: expected a number, got "many"'],
    ],
    [
      "a key that is mistyped",
      "web:\n  replica: 2",
      ['23:9 in staging, components.web: unknown key "replica" -> did you mean "replicas"?'],
    ],
    [
      "an unknown component",
      "mailbox: { port: 1 }",
      [expect.stringMatching(/^22:7 in staging, unknown component "mailbox" -> known: /) as unknown as string],
    ],
    [
      "what is missing in something new",
      "mailbox: { type: app }",
      ["22:7 in staging, components.mailbox.image is missing; expected an image such as ghcr.io/you/app:1.4.2"],
    ],
    [
      "what null took away is missing",
      "web: { image: null }",
      ["22:14 in staging, components.web.image is missing; expected an image such as ghcr.io/you/app:1.4.2"],
    ],
    [
      "null for what is not there",
      "web: { health: null }",
      [
        "22:14 in staging, components.web.health: null takes away what is there above, and there is no health -> known: type, image, port, routes, uses, env, limits, sentry",
      ],
    ],
    [
      "null for a component that is not there",
      "redis: null",
      [
        "22:7 in staging, components.redis: null takes away what is there above, and there is no redis -> known: traefik, web, postgres; to add it with its defaults write redis: {}",
      ],
    ],
    [
      "a short form over a long one",
      "postgres: 16",
      [
        "22:17 in staging, components.postgres: the short form 16 and a map cannot be laid over each other -> write both as maps, such as postgres: { version: … }",
      ],
    ],
    [
      "a number that does not read back as it was written",
      "web: { env: { LEVEL: 1.10 } }",
      ['22:28 in staging, components.web.env.LEVEL: without quotes 1.10 is read as 1.1 -> write it in quotes: "1.10"'],
    ],
  ])("%s", (_, lines, expected) => {
    // Also while another environment is made.
    const found = complaints(overlay(lines));
    expect(found).toEqual(expected);
    expect(complaints(overlay(lines), "staging").map((line) => line.replace("in staging, ", ""))).toEqual(
      found.map((line) => line.replace("in staging, ", "")),
    );
  });

  test("what is wrong for all is told once, where it stands", () => {
    expect(complaints(staging.replace("port: 3000", 'port: "x"'), "staging")).toEqual([
      '7:11 components.web.port: expected a port number, got "x"',
    ]);
  });

  test("a component that is taken away is not used any more", () => {
    expect(complaints(overlay("postgres: null"), "staging")).toEqual([
      '9:12 web uses "postgres", which staging takes away -> give web another uses: list under environments: staging: components:',
    ]);
    const model = modelOf(overlay("postgres: null\nweb: { uses: [] }"), "staging");
    expect(model.services.map(({ component }) => component)).not.toContain("postgres");
  });

  test("what only rules between components find has its place there too", () => {
    expect(complaints(overlay('web: { routes: [{ host: "*.example.com" }] }'), "staging")[0]).toMatch(
      /^22:23 \*\.example\.com is a wildcard/,
    );
  });

  test("other keys than those that can be laid over", () => {
    expect(complaints(`${base}environments: { staging: { component: {} } }\n`)).toEqual([
      '19:28 environments.staging: unknown key "component" -> did you mean "components"?',
    ]);
  });
});

test("a stack stays the environment that it was made for until it is told another", async () => {
  const directory = mkdtempSync(join(tmpdir(), "create-stack-environment-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const request = { directory: join(directory, "stack"), catalogue, carried, today: new Date("2026-03-01T00:00:00Z") };
  const project = () => /COMPOSE_PROJECT_NAME=(.*)/.exec(readFileSync(join(request.directory, ".env"), "utf8"))?.[1];
  await runCreate(request, staging, renderStack(staging, catalogue, carried, { environment: "staging" }));
  expect([environmentOf(request.directory), project()]).toEqual(["staging", "shop-staging"]);
  writeFileSync(join(request.directory, "stack.yaml"), staging.replace("foo/web:1", "foo/web:2"));
  expect((await runGenerate(request)).model.environment).toBe("staging");
  expect((await runGenerate(request)).changes).toEqual([]);
  await runGenerate(request, { environment: "production" });
  expect([environmentOf(request.directory), project()]).toEqual(["production", "shop"]);
  writeFileSync(join(request.directory, "stack.yaml"), base);
  await runGenerate(request);
  expect(environmentOf(request.directory)).toBeUndefined();
});

test("the JSON Schema knows the overlays: the same keys, none required, null for any of them", () => {
  const { properties, definitions } = stackSchema(catalogue.components) as unknown as {
    properties: { environments: { additionalProperties: { properties: Record<string, unknown> } } };
    definitions: Record<string, { required?: string[]; properties: Record<string, unknown> }>;
  };
  expect(Object.keys(properties.environments.additionalProperties.properties)).toEqual([
    "name",
    "components",
    "backup",
    "notify",
  ]);
  const traefik = definitions["traefik-overlay"];
  expect(Object.keys(traefik?.properties ?? {})).toEqual(Object.keys(definitions.traefik?.properties ?? {}));
  expect(traefik?.properties.acme).toMatchObject({ anyOf: [{ type: "object" }, { type: "null" }] });
  expect(JSON.stringify(traefik?.properties.acme)).not.toContain('"required"');
  expect(JSON.stringify(definitions.traefik?.properties.acme)).toContain('"required"');
});
