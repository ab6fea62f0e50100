import { describe, expect, test } from "vitest";
import { runOpen } from "../../../src/operations/open.ts";
import type { Console } from "../../../src/stack/monitoring.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { model } from "../../support/models.ts";

const grafana: Console = {
  name: "grafana",
  component: "grafana",
  about: "dashboards",
  service: "grafana",
  port: 3000,
  network: "monitoring",
  path: "/",
  login: { user: "admin", password: "grafana_admin" },
};
const prometheus: Console = {
  name: "prometheus",
  component: "monitoring",
  about: "metrics and rules",
  service: "monitoring",
  port: 9090,
  network: "monitoring",
  path: "/",
};

function context(consoles: Console[], running: readonly string[]) {
  const engine = fakeEngine();
  for (const service of running) engine.add({ service });
  engine.address = async (_, network) => (network === "shop_monitoring" ? "172.20.0.5" : undefined);
  return { model: model([], { consoles }), engine };
}

describe("open", () => {
  test("a page without a public name: the ssh line with the address of now, and who logs in", async () => {
    expect(await runOpen(context([grafana, prometheus], ["grafana"]), "grafana")).toEqual([
      {
        name: "grafana",
        about: "dashboards",
        url: "http://localhost:3000/",
        tunnel: "ssh -N -L 3000:172.20.0.5:3000 USER@SERVER",
        login: { user: "admin", passwordFile: "secrets/grafana_admin" },
        running: true,
      },
    ]);
  });

  test("a page with a public name", async () => {
    const [page] = await runOpen(context([{ ...grafana, host: "grafana.shop.example" }], ["grafana"]), "grafana");
    expect(page).toMatchObject({ url: "https://grafana.shop.example/", running: true });
    expect(page).not.toHaveProperty("tunnel");
  });

  test("all pages, also where one does not run", async () => {
    const pages = await runOpen(context([grafana, prometheus], ["monitoring"]), undefined);
    expect(pages.map(({ name, running }) => [name, running])).toEqual([
      ["grafana", false],
      ["prometheus", true],
    ]);
  });

  test.each([
    [
      "a page that does not run",
      "grafana",
      [],
      "grafana does not run, so there is no way to grafana",
      "./prod.sh start",
    ],
    ["a mistyped page", "grafanna", ["grafana"], 'shop has no page "grafanna"', 'did you mean "grafana"?'],
  ])("refused: %s", async (_, name, running, message, hint) => {
    await expect(runOpen(context([grafana], running), name)).rejects.toMatchObject({ message, hint });
  });

  test("a page whose component the stack has not: how to get it, also where there are others", async () => {
    const hint = "add grafana: {} under components in stack.yaml, then: ./prod.sh generate && ./prod.sh start";
    await expect(runOpen(context([], []), "grafana")).rejects.toMatchObject({ hint });
    const prometheus = { ...grafana, name: "prometheus", service: "prometheus" };
    await expect(runOpen(context([prometheus], []), "grafana")).rejects.toMatchObject({ hint });
  });
});
