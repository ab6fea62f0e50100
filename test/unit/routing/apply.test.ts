import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parse } from "yaml";
import { applyRoutes } from "../../../src/routing/apply.ts";
import { type RouteConfig, routeFiles } from "../../../src/routing/route-file.ts";
import { writeRoutes } from "../../../src/routing/route-folder.ts";
import type { LiveConfig, TraefikApi } from "../../../src/routing/traefik-api.ts";
import type { Route } from "../../../src/stack/model.ts";
import type { Clock } from "../../../src/support/clock.ts";
import { StackError } from "../../../src/support/errors.ts";

const route = (service: string, more: Partial<Route> = {}): Route => ({
  service,
  host: `${service}.example.com`,
  path: "/",
  port: 3000,
  middlewares: ["compress"],
  certificate: { kind: "local" },
  ...more,
});

/** Time that passes when somebody sleeps, and at no other moment. */
function stoppedClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    sleep: async (milliseconds, signal) => {
      signal?.throwIfAborted();
      now += milliseconds;
    },
  };
}

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "routes-"));
  writeRoutes(directory, new Map(routeFiles([route("web"), route("old")]).map((file) => [file.path, file.content])));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const onDisk = () => readdirSync(join(directory, "routes")).sort();
const textOf = (name: string) => readFileSync(join(directory, "routes", name), "utf8");

/** A Traefik that reads the folder as the real one does: all of it at once, `delay` polls after a change. */
function folderApi(
  options: { delay?: number; knows?: string[]; says?: string[] } = {},
): TraefikApi & { polls: number } {
  let seen = read();
  let due: number | undefined;
  const api = {
    polls: 0,
    async live() {
      api.polls += 1;
      if (due === undefined && JSON.stringify(read()) !== JSON.stringify(seen)) due = api.polls + (options.delay ?? 2);
      if (due !== undefined && api.polls >= due) {
        seen = read();
        due = undefined;
      }
      return asReported(seen, options.knows ?? ["compress"]);
    },
    complaints: async () => options.says ?? [],
  };
  return api;
}

function read(): RouteConfig {
  const all: RouteConfig = { routers: {}, services: {} };
  for (const name of onDisk()) {
    const { http } = parse(textOf(name)) as { http: RouteConfig };
    Object.assign(all.routers, http.routers);
    Object.assign(all.services, http.services);
  }
  return all;
}

/** As Traefik's API says it: with providers behind names, the entry point's middleware in front, and its own routes. */
function asReported(config: RouteConfig, known: string[]): LiveConfig {
  const entryPoints = { web: [], websecure: ["headers@file"], internal: [] };
  const live: LiveConfig = { routers: {}, services: { "api@internal": {} as never }, entryPoints };
  for (const [name, router] of Object.entries(config.routers)) {
    const missing = (router.middlewares ?? []).find((middleware) => !known.includes(middleware));
    live.routers[`${name}@file`] = {
      ...router,
      middlewares: ["headers@file", ...(router.middlewares ?? []).map((middleware) => `${middleware}@file`)],
      ...(missing === undefined
        ? { status: "enabled" }
        : { status: "disabled", error: [`middleware "${missing}@file" does not exist`] }),
    };
  }
  for (const [name, service] of Object.entries(config.services)) live.services[`${name}@file`] = service;
  return live;
}

const failure = async (work: Promise<unknown>): Promise<StackError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof StackError) return error;
  throw new Error(`expected a StackError, got ${String(error)}`);
};

test("resolves when Traefik serves by the new files, not before", async () => {
  const api = folderApi({ delay: 4 });
  const routes = [route("web", { port: 4000 }), route("old")];
  const result = await applyRoutes({ directory, routes }, { api, clock: stoppedClock() });
  expect(result.changed).toEqual(["routes/web.yml"]);
  expect(api.polls).toBeGreaterThanOrEqual(5);
  expect((await api.live()).services["web@file"]).toEqual({
    loadBalancer: { servers: [{ url: "http://web:4000" }] },
  });
});

test.each([
  ["a new path", [route("web", { path: "/shop" })]],
  ["new middlewares", [route("web", { middlewares: [] })]],
  ["one address more", [route("web"), route("web", { host: "www.example.com" })]],
])("waits for %s too", async (_, routes) => {
  const api = folderApi({ delay: 4 });
  await applyRoutes({ directory, routes: [...routes, route("old")] }, { api, clock: stoppedClock() });
  expect(api.polls).toBeGreaterThanOrEqual(5);
});

test("waits until an address is gone of a service that keeps others", async () => {
  const context = { api: folderApi({ delay: 4 }), clock: stoppedClock() };
  const two = [route("web"), route("web", { host: "www.example.com" }), route("old")];
  await applyRoutes({ directory, routes: two }, context);
  await applyRoutes({ directory, routes: [route("web"), route("old")] }, context);
  expect(Object.keys((await context.api.live()).routers)).toEqual(["old@file", "web@file"]);
});

test("nothing to change writes nothing and is done with one question", async () => {
  const api = folderApi();
  const result = await applyRoutes({ directory, routes: [route("web"), route("old")] }, { api, clock: stoppedClock() });
  expect(result).toEqual({ changed: [], milliseconds: 0 });
  expect(api.polls).toBe(1);
});

test("the file of a service without routes goes, and it waits until Traefik has forgotten it", async () => {
  const api = folderApi({ delay: 3 });
  await applyRoutes({ directory, routes: [route("web")] }, { api, clock: stoppedClock() });
  expect(onDisk()).toEqual(["web.yml"]);
  expect(Object.keys((await api.live()).routers)).toEqual(["web@file"]);
});

test("files that somebody else put there stay, and are nobody's hindrance", async () => {
  const mine = "http: { routers: { mine: { rule: Host(`m.example.com`), service: web } }, services: {} }\n";
  writeFileSync(join(directory, "routes/mine.yml"), mine);
  writeFileSync(join(directory, "routes/_common.yml"), "http: { routers: {}, services: {} }\n");
  await applyRoutes({ directory, routes: [route("web")] }, { api: folderApi(), clock: stoppedClock() });
  expect(onDisk()).toEqual(["_common.yml", "mine.yml", "web.yml"]);
  expect(textOf("mine.yml")).toBe(mine);
});

test("a weight is live only when Traefik reports that weight", async () => {
  const target = (weight: number) => [
    { release: "a", hosts: ["web-1"], weight: 100 - weight },
    { release: "b", hosts: ["web-2"], weight },
  ];
  const api = folderApi({ delay: 1 });
  const context = { api, clock: stoppedClock() };
  const routes = [route("web"), route("old")];
  await applyRoutes({ directory, routes, targets: { web: target(10) } }, context);
  const before = api.polls;
  await applyRoutes({ directory, routes, targets: { web: target(50) } }, context);
  expect(api.polls - before).toBeGreaterThan(1);
});

test("refused routes fail at once, say why, and the files are as before", async () => {
  const clock = stoppedClock();
  const before = onDisk().map(textOf);
  const api = folderApi({ says: ['middleware "nonsense@file" does not exist'] });
  const routes = [route("web", { middlewares: ["nonsense"] }), route("old"), route("new")];
  const error = await failure(applyRoutes({ directory, routes: routes.slice(0, 2) }, { api, clock }));
  expect(error.code).toBe("routes-not-live");
  expect(error.message).toBe("Traefik refuses the new routes; it serves by the ones before again");
  expect(error.details).toEqual([
    'route web is disabled: middleware "nonsense@file" does not exist',
    'Traefik says: middleware "nonsense@file" does not exist',
  ]);
  expect(onDisk().map(textOf)).toEqual(before);
  expect(clock.now()).toBeLessThan(1_000);
});

test("a deadline that passes is told with what is missing, and a file that is new is gone again", async () => {
  const api = folderApi({ delay: 1_000_000 });
  const routes = [route("web"), route("old"), route("new")];
  const error = await failure(applyRoutes({ directory, routes, deadline: 2_000 }, { api, clock: stoppedClock() }));
  expect(error.message).toBe("Traefik did not take over the new routes in time; it serves by the ones before again");
  expect(error.details).toEqual(["route new is not there", "service new is not there"]);
  expect(onDisk()).toEqual(["old.yml", "web.yml"]);
});

test("a Traefik that does not answer is told as that", async () => {
  const silent = new StackError({ code: "traefik-silent", exit: "unhealthy", message: "it does not answer" });
  const api: TraefikApi = { live: () => Promise.reject(silent), complaints: () => Promise.reject(silent) };
  const routes = [route("web", { port: 4000 }), route("old")];
  const error = await failure(applyRoutes({ directory, routes, deadline: 500 }, { api, clock: stoppedClock() }));
  expect(error.message).toBe(
    "Traefik did not take over the new routes in time; the files of before are back in routes/, but it does not confirm these either",
  );
  expect(error.details).toEqual(["it does not answer"]);
  expect(textOf("web.yml")).toContain("http://web:3000");
});

test("an abort puts the files back", async () => {
  const controller = new AbortController();
  const api = folderApi({ delay: 1_000_000 });
  const before = onDisk().map(textOf);
  const clock: Clock = {
    now: () => 0,
    sleep: async (_, signal) => {
      controller.abort(new Error("stopped by the user"));
      signal?.throwIfAborted();
    },
  };
  const work = applyRoutes(
    { directory, routes: [route("web", { port: 4000 })] },
    { api, clock, signal: controller.signal },
  );
  await expect(work).rejects.toThrow("stopped by the user");
  expect(onDisk().map(textOf)).toEqual(before);
});
