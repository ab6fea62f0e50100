import { type GrafanaSource, monitoringNetwork } from "../../stack/monitoring.ts";
import type { Component, ComponentUse, Contribution, ContributionOf } from "../component.ts";
import { randomPassword, randomSecret } from "../random-secret.ts";
import { dashboardJson } from "./dashboard-json.ts";
import { generalDashboards } from "./general-dashboards.ts";
import { type GrafanaOptions, options } from "./options.ts";
import { grafanaService, namesOf } from "./service.ts";

const port = 3000;

export const component: Component<GrafanaOptions> = {
  type: "grafana",
  about: "Grafana: dashboards of metrics and logs",
  offersNothing: true,
  options,
  contribute(chosen, use) {
    const names = namesOf(use.key);
    const login = { user: "admin", password: names.password };
    return {
      volumes: [{ name: names.data, about: "Grafana's users, settings and dashboards of your own" }],
      dataSources: [
        // Its database is one file of SQLite, which is whole when nobody writes to it meanwhile.
        { name: names.data, kind: "volume", service: use.key, volume: names.data, consistency: { kind: "pause" } },
      ],
      secrets: [
        randomPassword(names.password, "Password of Grafana's admin; read when its volume is made"),
        randomSecret(names.secretKey, "Key with which Grafana encrypts what it keeps"),
      ],
      routeNeeds:
        chosen.host === undefined ? [] : [{ service: use.key, host: chosen.host, path: "/", port, at: ["host"] }],
      consoles: [
        {
          name: use.key,
          about: "dashboards of metrics and logs",
          service: use.key,
          port,
          network: monitoringNetwork,
          path: "/",
          ...(chosen.host !== undefined && { host: chosen.host }),
          login,
        },
      ],
    };
  },
  collect,
};

function collect(chosen: GrafanaOptions, use: ComponentUse, all: readonly ContributionOf[]): Contribution {
  const sources = all.flatMap(({ contribution }) => contribution.grafanaSources ?? []);
  if (sources.length === 0)
    return {
      problems: [
        {
          path: [],
          message: `${use.key} has nothing to show: no metrics and no logs are kept in this stack`,
          hint: "add monitoring: {} or loki: {} under components, or remove it",
        },
      ],
    };
  return {
    services: [
      grafanaService(use.key, chosen, {
        networks: [...(chosen.host === undefined ? [] : ["edge"]), ...sources.map(({ network }) => network)],
        secrets: sources.flatMap(({ login }) => (login === undefined ? [] : [login.password])),
      }),
    ],
    files: [...settings(chosen, use, sources), ...dashboardFiles(use, sources, all)],
  };
}

function settings(chosen: GrafanaOptions, use: ComponentUse, sources: readonly GrafanaSource[]) {
  const names = namesOf(use.key);
  const file = (path: string, template: string, values: Record<string, unknown>) => ({
    path: `${names.config}/${path}`,
    content: use.template(template, values),
    mode: 0o644 as const,
  });
  return [
    file("grafana.ini", "grafana/grafana.ini.hbs", {
      password: fromFile(names.password),
      secretKey: fromFile(names.secretKey),
      service: use.key,
      host: chosen.host ?? false,
      secure: chosen.host !== undefined,
      unused: bundledSources.filter((id) => sources.every(({ type }) => type !== id)).join(", "),
      home: use.monitored && "/etc/grafana/dashboards/applications.json",
    }),
    file("provisioning/datasources/stack.yml", "grafana/datasources.yml.hbs", {
      sources: sources.map(({ login, settings: more, ...source }, index) => ({
        ...source,
        isDefault: index === 0,
        login: login === undefined ? false : { user: login.user, password: fromFile(login.password) },
        settings: more === undefined ? false : JSON.stringify(more),
      })),
    }),
    file("provisioning/dashboards/stack.yml", "grafana/dashboards.yml.hbs", { service: use.key, folder: use.stack }),
  ];
}

/** Plugins for sources that Grafana 13 comes with; a name that it does not know does no harm. */
const bundledSources = [
  "cloudwatch",
  "elasticsearch",
  "grafana-azure-monitor-datasource",
  "grafana-postgresql-datasource",
  "grafana-pyroscope-datasource",
  "grafana-testdata-datasource",
  "graphite",
  "influxdb",
  "jaeger",
  "loki",
  "mssql",
  "mysql",
  "opentsdb",
  "parca",
  "prometheus",
  "stackdriver",
  "tempo",
  "zipkin",
];

/** Grafana's own way to say that a value stands in a file. */
function fromFile(secret: string): string {
  return `$__file{/run/secrets/${secret}}`;
}

function dashboardFiles(use: ComponentUse, sources: readonly GrafanaSource[], all: readonly ContributionOf[]) {
  const metrics = sources.find(({ type }) => type === "prometheus");
  const logs = sources.find(({ type }) => type === "loki");
  const contributed = all.flatMap(({ contribution }) => contribution.dashboards ?? []);
  // Without Prometheus only panels of logs have something to show.
  const dashboards = metrics === undefined ? contributed.filter(isOfLogs) : [...generalDashboards(), ...contributed];
  const source = metrics ?? logs;
  if (source === undefined) return [];
  return dashboards.map((dashboard) => ({
    path: `${namesOf(use.key).config}/dashboards/${dashboard.uid}.json`,
    content: dashboardJson(dashboard, { metrics: source, ...(logs && { logs }) }),
    mode: 0o644 as const,
  }));
}

function isOfLogs({ panels }: { panels: readonly { kind: string }[] }): boolean {
  return panels.every(({ kind }) => kind === "logs");
}
