import { describe, expect, test } from "vitest";
import { appNamesProblem, ownStack, usualRoutes } from "../../../src/cli/own-stack.ts";
import { editStackYaml } from "../../../src/cli/stack-yaml.ts";
import type { Component, Question } from "../../../src/components/component.ts";
import { catalogue } from "../../../src/components/index.ts";
import { complaintsOf } from "../../support/catalogue.ts";

/** Answers to questions that have no default. */
const typed: Record<string, unknown> = {
  "app image": "foo/api:1",
  "job of": "api",
  "job command": ["node", "clean-up.js"],
  "s3 buckets": ["media"],
  "service image": "mysql:8.4.6",
};

/** What the stack.yaml has under `path` when Enter is pressed where there is something to take. */
function answerTo({ path, kind, default: usual, choices }: Question, type: string, key: string): unknown {
  const own = typed[`${type} ${path.join(".")}`];
  if (own !== undefined) return own;
  if (path[0] === "routes") return usualRoutes(undefined, { key, domain: "shop.localhost", apps: ["api"] });
  if (usual === "none" || usual === undefined) return choices?.[0];
  return kind === "list" ? [usual] : /^\d+$/.test(String(usual)) ? Number(usual) : usual;
}

function answered(key: string, { type, questions = [] }: Pick<Component<never>, "type" | "questions">) {
  return questions.flatMap((question) => {
    const value = answerTo(question, type, key);
    return value === undefined ? [] : [{ path: ["components", key, ...question.path], value, text: question.message }];
  });
}

describe("a stack of one's own", () => {
  const app = catalogue.find(({ type }) => type === "app");
  const others = catalogue.filter(({ type }) => type !== "app" && type !== "traefik");

  test.each(others.map((component) => [component.type, component] as const))("is fine with %s", (type, component) => {
    // Grafana shows what others measure.
    const chosen = type === "grafana" ? ["monitoring", type] : [type];
    const edits = [...answered("api", app as never), ...answered(type, component as never)];
    expect(complaintsOf(editStackYaml(ownStack(["api"], chosen), edits))).toBe("fine");
  });

  test("connects apps with what offers something", () => {
    const text = ownStack(["api", "web"], ["grafana", "loki", "monitoring", "postgres", "redis"]);
    expect(text.match(/uses: .*/g)).toEqual(["uses: [postgres, redis]", "uses: [postgres, redis]"]);
  });
});

test("names of applications are told apart before more is asked", () => {
  expect(appNamesProblem(["api", "web"], ["postgres"])).toBeUndefined();
  expect(appNamesProblem([], [])).toBe("name at least one");
  expect(appNamesProblem(["api", "web", "api"], [])).toBe("api stands twice; each needs a name of its own");
  const taken = " is the name of a component of this stack; choose another";
  expect(appNamesProblem(["postgres"], ["postgres"])).toBe(`postgres${taken}`);
  expect(appNamesProblem(["traefik"], [])).toBe(`traefik${taken}`);
});

test("no two are offered the same host", () => {
  const one = { domain: "shop.example.com", apps: ["api"] };
  expect(usualRoutes(undefined, { ...one, key: "api" })).toEqual(["shop.example.com"]);
  expect(usualRoutes(undefined, { ...one, key: "nginx" })).toEqual(["nginx.shop.example.com"]);
  const two = { domain: "shop.example.com", apps: ["api", "web"] };
  expect(usualRoutes(["app.example.com"], { ...two, key: "web" })).toEqual(["app.shop.example.com"]);
  expect(usualRoutes(undefined, { ...two, key: "web" })).toEqual(["web.shop.example.com"]);
});
