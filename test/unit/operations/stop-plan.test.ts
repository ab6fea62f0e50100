import { expect, test } from "vitest";
import { planDestroy } from "../../../src/operations/destroy.ts";
import { renderPlan } from "../../../src/operations/plan.ts";
import { planRestart } from "../../../src/operations/restart.ts";
import type { WantedService } from "../../../src/operations/start-facts.ts";
import { planStop } from "../../../src/operations/stop.ts";
import { fakeEngine } from "../../support/fake-engine.ts";

function wanted(name: string, ...needs: string[]): WantedService {
  const dependsOn = needs.map((service) => ({ service, condition: "service_healthy" as const }));
  return { name, class: "long-running", image: "i:1", replicas: 1, dependsOn, hash: "h" };
}

const services = [
  wanted("app", "db"),
  wanted("db"),
  wanted("proxy", "app"),
  { ...wanted("init"), class: "one-shot" as const },
];

async function observed() {
  const engine = fakeEngine();
  for (const service of ["app", "db", "proxy", "left-over"]) engine.add({ service, name: `shop-${service}-1` });
  engine.add({ service: "init", state: "exited" });
  return engine.observe("shop");
}

test("stopping goes from the outside in, and what no file names goes first", async () => {
  expect(renderPlan(planStop(services, await observed()))).toEqual([
    "stop left-over: the stack is to stop",
    "stop proxy: the stack is to stop",
    "stop app: the stack is to stop",
    "stop db: the stack is to stop",
  ]);
  expect(renderPlan(planStop(services, await observed(), [], ["report"]))[0]).toBe(
    "stop job report: its run ends with the stack",
  );
  expect(renderPlan(planStop(services, await observed(), ["app"]))).toEqual(["stop app: it was named"]);
  expect(renderPlan(planStop(services, { containers: [] }))).toEqual(["stop: nothing to do"]);
});

test("restarting stops in that order and starts in the other; set-up steps are not restarted", () => {
  expect(renderPlan(planRestart(services)).map((line) => line.split(":")[0])).toEqual([
    "stop proxy",
    "stop app",
    "stop db",
    "start db",
    "start app",
    "start proxy",
  ]);
  expect(renderPlan(planRestart(services, ["db"]))).toEqual(["stop db: it was named", "start db: it was named"]);
});

test("destroying keeps the data unless told, and tells how much there is", async () => {
  const volumes = [{ name: "shop_data", bytes: 3 * 1024 ** 3 }, { name: "shop_more" }];
  const lines = renderPlan(planDestroy("shop", ["apps"], await observed(), volumes, {}));
  expect(lines).toHaveLength(6);
  expect(lines.join()).not.toContain("volume");
  expect(renderPlan(planDestroy("shop", ["apps"], { containers: [] }, volumes, { volumes: true }))).toEqual([
    "delete volume shop_data: its data (3 GB) goes for good, as asked for",
    "delete volume shop_more: its data goes for good, as asked for",
  ]);
});
