import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { applyRoutes } from "../../src/routing/apply.ts";
import type { RouteTarget } from "../../src/routing/route-file.ts";
import type { Route } from "../../src/stack/model.ts";
import { systemClock } from "../../src/support/clock.ts";
import { describeWithDocker } from "../support/docker.ts";
import { request } from "./edge-request.ts";
import { type EdgeStack, echoApp, edgeImages, edgeStack } from "./edge-stack.ts";

const host = "shop.localhost";

await describeWithDocker("routes that change while they are used", edgeImages, (engine) => {
  let stack: EdgeStack;
  const web = (weight: number): RouteTarget => ({ release: "one", hosts: ["web"], weight });
  const next = (weight: number): RouteTarget => ({ release: "two", hosts: ["next"], weight });
  const answerer = async (path = "/") => {
    const answer = await request({ port: stack.ports.https, host, path, trust: stack.authority });
    return answer.status === 200 ? (JSON.parse(answer.body) as { app: string }).app : String(answer.status);
  };
  const apply = async (web: RouteTarget[], more: { routes?: Route[]; deadline?: number } = {}) =>
    applyRoutes(
      { directory: stack.directory, routes: stack.model.routes, targets: { web }, ...more },
      { api: await stack.api(), clock: systemClock },
    );

  beforeAll(async () => {
    const apps = [echoApp("web", host), echoApp("next", "next.localhost")];
    stack = await edgeStack({ engine, traefik: "rateLimit: false", components: apps.join("\n") });
    await stack.up();
  });
  afterAll(() => stack?.remove());

  test("a change is live when it is said to be: the very next request goes the new way", async () => {
    for (let round = 0; round < 10; round += 1) {
      await apply([round % 2 === 0 ? next(1) : web(1)]);
      expect(await answerer()).toBe(round % 2 === 0 ? "next" : "web");
    }
  });

  test("a request that is under way comes to its end when its route changes", async () => {
    await apply([web(1)]);
    const underWay = answerer("/slow?ms=3000");
    await new Promise((resolve) => setTimeout(resolve, 500));
    await apply([next(1)]);
    expect(await answerer()).toBe("next");
    expect(await underWay).toBe("web");
  });

  test("no request fails while routes change", async () => {
    const answers: string[] = [];
    let changing = true;
    const client = (async () => {
      while (changing) answers.push(await answerer());
    })();
    for (let round = 0; round < 10; round += 1) await apply([round % 2 === 0 ? next(1) : web(1)]);
    changing = false;
    await client;
    expect(answers.length).toBeGreaterThan(20);
    expect([...new Set(answers)].sort()).toEqual(["next", "web"]);
  });

  test("weights share the requests out", async () => {
    await apply([web(75), next(25)]);
    const answers = await Promise.all(Array.from({ length: 40 }, () => answerer()));
    expect(answers.filter((app) => app === "next")).toHaveLength(10);
    await apply([web(0), next(100)]);
    expect(new Set(await Promise.all(Array.from({ length: 10 }, () => answerer())))).toEqual(new Set(["next"]));
  });

  test("routes that Traefik refuses are taken back, and the old ones serve on", async () => {
    await apply([web(1)]);
    const before = readFileSync(join(stack.directory, "routes/web.yml"), "utf8");
    const routes = stack.model.routes.map((route) => ({ ...route, middlewares: ["nonsense"] }));
    await expect(apply([web(1)], { routes })).rejects.toMatchObject({
      code: "routes-not-live",
      message: "Traefik refuses the new routes; it serves by the ones before again",
      details: expect.arrayContaining(['route web is disabled: middleware "nonsense@file" does not exist']),
    });
    expect(readFileSync(join(stack.directory, "routes/web.yml"), "utf8")).toBe(before);
    expect(await answerer()).toBe("web");
  });

  test("a broken file of somebody else's is named, and nothing that is served changes", async () => {
    const broken = join(stack.directory, "routes/by-hand.yml");
    writeFileSync(broken, "http: [");
    await expect(apply([next(1)], { deadline: 2_000 })).rejects.toMatchObject({
      code: "routes-not-live",
      details: expect.arrayContaining([expect.stringContaining("/routes/by-hand.yml")]),
    });
    expect(await answerer()).toBe("web");
    writeFileSync(broken, "");
    await apply([next(1)]);
    expect(await answerer()).toBe("next");
  });
});
