import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { composeDocuments } from "../../../src/generator/compose-document.ts";
import { envFile } from "../../../src/generator/env-file.ts";
import type { StackModel } from "../../../src/stack/model.ts";
import type { Service } from "../../../src/stack/service.ts";
import { appWith, complaintsOf, modelOf } from "../../support/catalogue.ts";

function service(model: StackModel, name = "web"): Service {
  const found = model.services.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

/** What the Compose file says of a service's environment, before Compose fills anything in. */
function printed(model: StackModel, name = "web"): Record<string, string> {
  for (const { content } of composeDocuments(model)) {
    const { services = {} } = parse(content, { merge: true }) as {
      services?: Record<string, { environment?: Record<string, string> }>;
    };
    if (services[name] !== undefined) return services[name].environment ?? {};
  }
  throw new Error(`no service ${name} is printed`);
}

describe("sentry: of an app", () => {
  test("gives the address as a secret, the environment, and the release with the tag that .env holds", () => {
    const model = modelOf(appWith("sentry: sentry_dsn\nmigrate: [up]"));
    expect(model.secrets).toContainEqual(
      expect.objectContaining({ name: "sentry_dsn", kind: "supplied", about: "SENTRY_DSN, supplied by you" }),
    );
    expect(service(model).envFiles).toEqual(["secrets/web.env"]);
    const expected = { SENTRY_ENVIRONMENT: "production", SENTRY_RELEASE: "web@${WEB_TAG}" };
    expect(printed(model)).toEqual(expected);
    expect(printed(model, "web-migrate")).toEqual(expected);
    const [, tag] = service(model).image.split(":");
    expect(envFile(model, [])).toContain(`WEB_TAG=${tag}\n`);
  });

  test("an environment of its own", () => {
    const model = modelOf(appWith("sentry: { dsn: sentry_dsn, environment: staging }"));
    expect(printed(model).SENTRY_ENVIRONMENT).toBe("staging");
  });

  test("as a file, where connections are files", () => {
    const model = modelOf(appWith("sentry: sentry_dsn\nconnections: files"));
    expect(printed(model)).toMatchObject({
      SENTRY_DSN_FILE: "/run/secrets/web_sentry_dsn",
      SENTRY_RELEASE: "web@${WEB_TAG}",
    });
    expect(service(model).secrets).toEqual(["web_sentry_dsn"]);
  });

  test("SENTRY_DSN under secrets: gives the other two as well", () => {
    const model = modelOf(appWith("secrets: { SENTRY_DSN: sentry_dsn }"));
    expect(printed(model)).toEqual({ SENTRY_ENVIRONMENT: "production", SENTRY_RELEASE: "web@${WEB_TAG}" });
  });

  test("what env sets stays, and its dollar signs mean nothing", () => {
    const model = modelOf(
      appWith("secrets: { SENTRY_DSN: sentry_dsn }\nenv: { SENTRY_RELEASE: 'a$b', SENTRY_ENVIRONMENT: dev }"),
    );
    expect(printed(model)).toEqual({ SENTRY_ENVIRONMENT: "dev", SENTRY_RELEASE: "a$$b" });
  });

  test("an app without it has none of this", () => {
    expect(printed(modelOf(appWith("env: { MODE: fast }")))).toEqual({ MODE: "fast" });
  });

  test("said twice is told with what to do", () => {
    expect(complaintsOf(appWith("sentry: sentry_dsn\nsecrets: { SENTRY_DSN: other }"))).toContain(
      "SENTRY_DSN stands in secrets too",
    );
    expect(complaintsOf(appWith("sentry: sentry_dsn\nenv: { SENTRY_DSN: x }"))).toContain(
      "SENTRY_DSN stands in env too",
    );
  });
});
