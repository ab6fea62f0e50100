import { describe, expect, test } from "vitest";
import type { Contribution, ContributionOf } from "../../../src/components/component.ts";
import { dashboardJson } from "../../../src/components/grafana/dashboard-json.ts";
import { generalDashboards } from "../../../src/components/grafana/general-dashboards.ts";
import { component } from "../../../src/components/grafana/index.ts";
import { layout } from "../../../src/components/grafana/layout.ts";
import type { Dashboard, GrafanaSource } from "../../../src/stack/monitoring.ts";
import { componentUse } from "../../support/component-use.ts";
import { dashboardProblems } from "../../support/dashboard-rules.ts";

const prometheus: GrafanaSource = {
  uid: "prometheus",
  name: "Prometheus",
  type: "prometheus",
  url: "http://monitoring:9090",
  network: "monitoring",
};
const loki: GrafanaSource = { uid: "loki", name: "Loki", type: "loki", url: "http://loki:3100", network: "logs" };

const small: Dashboard = {
  uid: "small",
  title: "Small",
  about: "For a test",
  variables: [{ name: "service", label: "Service", query: "label_values(up, service)", several: true }],
  panels: [
    {
      title: "Up",
      kind: "stat",
      queries: [{ expr: 'up{service=~"$service"}' }],
      thresholds: { critical: 1, below: true },
    },
    { title: "Lines", kind: "logs", queries: [{ expr: '{service=~"$service"}' }] },
  ],
};

function made(contributed: Contribution, options: object = {}, monitored = true) {
  const use = componentUse("grafana", { monitored });
  const chosen = component.options.parse(options);
  const others: ContributionOf = { key: "others", type: "others", options: {}, contribution: contributed };
  const collected = component.collect?.(chosen, use, [others]) ?? {};
  const file = (path: string) => collected.files?.find((one) => one.path === `config/grafana/${path}`)?.content ?? "";
  return { first: component.contribute(chosen, use), ...collected, file, service: collected.services?.[0] };
}

describe("grafana", () => {
  test("reads from everything that keeps metrics or logs, over their networks alone", () => {
    const { service, file } = made({ grafanaSources: [prometheus, loki] });
    expect(service?.networks).toEqual(["monitoring", "logs"]);
    expect(file("provisioning/datasources/stack.yml")).toContain("    uid: loki\n    type: loki\n");
    expect(file("provisioning/datasources/stack.yml").match(/isDefault: true/g)).toHaveLength(1);
  });

  test("a source with a login reads its password from a file", () => {
    const elastic: GrafanaSource = {
      uid: "logs",
      name: "Logs",
      type: "elasticsearch",
      url: "http://elk:9200",
      network: "elk",
      login: { user: "grafana", password: "elk_grafana" },
      settings: { index: "logs-*" },
    };
    const { service, file } = made({ grafanaSources: [prometheus, elastic] });
    expect(service?.secrets).toContain("elk_grafana");
    expect(file("provisioning/datasources/stack.yml")).toContain(
      "basicAuthPassword: $__file{/run/secrets/elk_grafana}",
    );
    expect(file("provisioning/datasources/stack.yml")).toContain('jsonData: {"index":"logs-*"}');
  });

  test("without a public name it is reached through a tunnel, with one through Traefik and by TLS alone", () => {
    const inside = made({ grafanaSources: [prometheus] });
    expect(inside.first.routeNeeds).toEqual([]);
    expect(inside.file("grafana.ini")).toContain("cookie_secure = false");
    const outside = made({ grafanaSources: [prometheus] }, { host: "grafana.shop.example" });
    expect(outside.first.routeNeeds).toMatchObject([{ host: "grafana.shop.example", port: 3000 }]);
    expect(outside.service?.networks).toContain("edge");
    expect(outside.file("grafana.ini")).toContain("root_url = https://grafana.shop.example/");
    expect(outside.file("grafana.ini")).toContain("cookie_secure = true");
  });

  test("runs no plugin for sources that the stack has not", () => {
    const unused = /^disable_plugins = (.*)$/m.exec(made({ grafanaSources: [prometheus, loki] }).file("grafana.ini"));
    const names = unused?.[1]?.split(", ") ?? [];
    expect(names).toContain("mysql");
    expect(names).not.toContain("prometheus");
    expect(names).not.toContain("loki");
  });

  test("no password is in a generated file", () => {
    expect(made({ grafanaSources: [prometheus] }).file("grafana.ini")).toContain(
      "admin_password = $__file{/run/secrets/grafana_admin}",
    );
  });

  test("with nothing to show it says so", () => {
    expect(made({}).problems).toMatchObject([{ message: expect.stringContaining("nothing to show") }]);
  });

  test("with logs alone there are only dashboards of logs", () => {
    const logs: Dashboard = { ...small, uid: "logs", variables: [], panels: small.panels.slice(1) };
    const { files } = made({ grafanaSources: [loki], dashboards: [small, logs] }, {}, false);
    const paths = files
      ?.map(({ path }) => path)
      .filter((path) => path.includes("/dashboards/") && path.endsWith(".json"));
    expect(paths).toEqual(["config/grafana/dashboards/logs.json"]);
  });
});

describe("a dashboard in Grafana's format", () => {
  const document = (logs?: GrafanaSource) =>
    JSON.parse(dashboardJson(small, { metrics: prometheus, ...(logs && { logs }) }));

  test("panels of logs ask the source of logs, and are left out where there is none", () => {
    expect(document().panels.map(({ type }: { type: string }) => type)).toEqual(["stat"]);
    const [, lines] = document(loki).panels;
    expect(lines.datasource).toEqual({ type: "loki", uid: "loki" });
    expect(lines.targets[0]).toMatchObject({ expr: '{service=~"$service"}', queryType: "range" });
  });

  test("smaller is worse: red comes first", () => {
    expect(document().panels[0].fieldConfig.defaults.thresholds.steps).toEqual([
      { value: null, color: "red" },
      { value: 1, color: "green" },
    ]);
  });

  test("panels stand side by side and never on each other", () => {
    expect(layout([{ width: 12 }, { width: 12, height: 4 }, { width: 6 }, { width: 24 }])).toEqual([
      { x: 0, y: 0, w: 12, h: 8 },
      { x: 12, y: 0, w: 12, h: 4 },
      { x: 0, y: 8, w: 6, h: 8 },
      { x: 0, y: 16, w: 24, h: 8 },
    ]);
  });

  test("the checks of a dashboard see what is wrong", () => {
    const broken = {
      uid: "Not Good",
      title: "",
      panels: [
        {
          id: 1,
          type: "stat",
          title: "a",
          gridPos: { x: 0, y: 0, w: 25, h: 8 },
          targets: [],
          fieldConfig: { defaults: { unit: "parsec" } },
        },
        {
          id: 1,
          type: "pie",
          title: "b",
          gridPos: { x: 0, y: 0, w: 8, h: 8 },
          targets: [{ refId: "A", expr: 'up{a=~"$nobody"}' }],
          datasource: { uid: "elsewhere" },
        },
      ],
    };
    expect(dashboardProblems(broken, ["prometheus"])).toEqual([
      "uid: Not Good",
      "no title",
      "schemaVersion: undefined",
      "two panels have the id 1",
      "a: wider than the dashboard",
      "a: asks nothing",
      "a: no such unit: parsec",
      "b: lies on a",
      "b: no such kind of panel: pie",
      "b: no such source: elsewhere",
      "b: no such variable: nobody",
    ]);
  });
});

describe("the dashboards of every stack", () => {
  test.each(generalDashboards().map((dashboard) => [dashboard.uid, dashboard] as const))(
    "%s is sound",
    (_, dashboard) => {
      expect(dashboardProblems(JSON.parse(dashboardJson(dashboard, { metrics: prometheus })), ["prometheus"])).toEqual(
        [],
      );
    },
  );

  test.each([
    ["applications", 12],
    ["releases", 10],
    ["infrastructure", 8],
  ])("%s has %i panels", (uid, count) => {
    expect(generalDashboards().find((dashboard) => dashboard.uid === uid)?.panels).toHaveLength(count);
  });
});
