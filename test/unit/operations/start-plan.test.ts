import { describe, expect, test } from "vitest";
import { renderPlan } from "../../../src/operations/plan.ts";
import type { WantedService } from "../../../src/operations/start-facts.ts";
import { planStart } from "../../../src/operations/start-plan.ts";
import { type FakeContainer, fakeEngine } from "../../support/fake-engine.ts";

function wanted(name: string, more: Partial<WantedService> = {}): WantedService {
  return { name, class: "long-running", image: "img:1", replicas: 1, dependsOn: [], hash: `hash-${name}`, ...more };
}

const init = wanted("init", { class: "one-shot" });
const db = wanted("db", { dependsOn: [{ service: "init", condition: "service_completed_successfully" }] });
const app = wanted("app", { dependsOn: [{ service: "db", condition: "service_healthy" }] });
const stack = [app, db, init];

/** The whole stack as it should be, with some containers otherwise. */
const well: Record<string, Partial<FakeContainer>> = {
  app: {},
  db: {},
  init: { state: "exited", exitCode: 0 },
};

async function planned(
  containers: Record<string, Partial<FakeContainer>>,
  {
    names = [],
    services = stack,
    image = "sha256:1",
  }: { names?: string[]; services?: WantedService[]; image?: string } = {},
): Promise<string[]> {
  const engine = fakeEngine();
  for (const [service, container] of Object.entries(containers)) {
    engine.add({ service, composeHash: `hash-${service}`, imageId: "sha256:1", ...container });
  }
  const images = new Map([["img:1", image === "missing" ? undefined : { id: image, architecture: "amd64" }]]);
  return renderPlan(planStart({ name: "shop" }, await engine.observe("shop"), { wanted: services, images }, names));
}

describe("what a start plans", () => {
  test("nothing there: set-up first, then each behind what it waits for", async () => {
    expect(await planned({})).toEqual([
      "run init: it has no container",
      "create db: it has no container",
      "create app: it has no container",
    ]);
  });

  test("everything as it should be: nothing", async () => {
    expect(await planned(well)).toEqual(["start: nothing to do"]);
  });

  test("an image that the engine lacks is pulled once for all who use it", async () => {
    const lines = await planned({}, { image: "missing" });
    expect(lines[0]).toBe("pull img:1: app, db, init: the engine does not have it");
    expect(lines).toHaveLength(4);
  });

  const cases: [string, Record<string, Partial<FakeContainer>>, string[]][] = [
    ["a changed configuration", { app: { composeHash: "old" } }, ["recreate app: its configuration changed"]],
    ["a stopped service", { app: { state: "exited", exitCode: 143 } }, ["start app: it is stopped"]],
    ["a service that was made and not started", { app: { state: "created" } }, ["start app: it was never started"]],
    ["a set-up step that failed", { init: { state: "exited", exitCode: 2 } }, ["run init: it ended with exit code 2"]],
    ["a set-up step that never ran", { init: { state: "created" } }, ["run init: it has not run"]],
  ];
  test.each(cases)("%s", async (_, difference, expected) => {
    const containers = Object.fromEntries(
      Object.entries(well).map(([name, is]) => [name, { ...is, ...difference[name] }]),
    );
    const again = expected.some((line) => line.startsWith("run init"))
      ? []
      : ["run init: set-up steps run again with every start"];
    expect(await planned(containers)).toEqual([...again, ...expected]);
  });

  test("another image under the same tag makes every container anew", async () => {
    expect(await planned(well, { image: "sha256:2" })).toEqual([
      "recreate init: its image changed",
      "recreate db: its image changed",
      "recreate app: its image changed",
    ]);
  });

  test.each([
    ["starting", "it is starting"],
    ["unhealthy", "it is unhealthy"],
  ] as const)("a service that is %s is waited for, and nothing else is touched", async (health, cause) => {
    expect(await planned({ ...well, app: { health } })).toEqual([`wait app: ${cause}`]);
  });

  test("a service that keeps restarting is waited for: its health decides", async () => {
    expect(await planned({ ...well, app: { state: "restarting" } })).toEqual(["wait app: it keeps restarting"]);
  });

  test("too few containers", async () => {
    const services = [wanted("app", { replicas: 3 })];
    expect(await planned({ app: {} }, { services })).toEqual(["scale app: it has 1 of 3 containers"]);
  });

  test("containers of a service that is gone are removed; those of `docker compose run` are left alone", async () => {
    const containers = { ...well, old: {}, "app-migrate": { oneOff: true, state: "exited" as const } };
    expect(await planned(containers)).toEqual([
      "remove old: it is no longer a service of shop",
      "run init: set-up steps run again with every start",
    ]);
  });

  test("a named service brings what it needs and no more", async () => {
    const services = [...stack, wanted("other")];
    expect(await planned({}, { services, names: ["db"] })).toEqual([
      "run init: it has no container",
      "create db: it has no container",
    ]);
  });

  test("services that wait for each other do not hang the plan", async () => {
    const circle = [
      wanted("a", { dependsOn: [{ service: "b", condition: "service_started" }] }),
      wanted("b", { dependsOn: [{ service: "a", condition: "service_started" }] }),
    ];
    expect(await planned({}, { services: circle })).toHaveLength(2);
  });
});
