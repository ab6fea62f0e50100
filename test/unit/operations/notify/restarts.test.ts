import { expect, test } from "vitest";
import { restartTroubles } from "../../../../src/operations/notify/restarts.ts";
import { model, service } from "../../../support/models.ts";

const now = 10_000_000;
const minute = 60_000;
const shop = model([service("web", { component: "server" })]);

test("a service that watch has restarted is told, until it was quiet for half an hour", () => {
  const attended = (restarts: number, ago: number) => ({
    web: { restarts, restartedAt: now - ago * minute, unhealthyAt: now - ago * minute },
  });
  expect(restartTroubles(shop, { services: attended(3, 2) }, now)).toEqual([
    {
      key: "restart/web",
      name: "ServiceRestarted",
      severity: "warning",
      component: "server",
      service: "web",
      title: "web was unhealthy and was restarted by watch, 3 times in a row",
      lines: ["Last time: 2m ago"],
      command: "./prod.sh logs web --since 30m",
      holds: 0,
      clears: 0,
    },
  ]);
  expect(restartTroubles(shop, { services: attended(1, 31) }, now)).toEqual([]);
});
