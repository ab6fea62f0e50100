import type * as grafana from "@grafana/schema";
import type {
  Dashboard,
  DashboardPanel,
  DashboardQuery,
  DashboardVariable,
  GrafanaSource,
} from "../../stack/monitoring.ts";
import { layout, type Place } from "./layout.ts";

/** A type of Grafana's with the values of its enumerations, which its library only has at run time. */
type Plain<Type> = Type extends string
  ? `${Type}`
  : Type extends number | boolean | null | undefined
    ? Type
    : Type extends object
      ? { [Key in keyof Type]: Plain<Type[Key]> }
      : Type;

type Panel = Plain<grafana.Panel>;
type Source = Pick<GrafanaSource, "type" | "uid">;

/** The newest version of Grafana's classic dashboard format, which provisioning from files takes. */
const schemaVersion = 42;

/** Sources that dashboards name: metrics for all panels but those of logs. */
export interface DashboardSources {
  metrics: Source;
  /** Undefined: panels of logs are left out. */
  logs?: Source;
}

/** A dashboard in Grafana's format. Same input, same text. */
export function dashboardJson(dashboard: Dashboard, sources: DashboardSources): string {
  const panels = dashboard.panels.filter(({ kind }) => kind !== "logs" || sources.logs !== undefined);
  const places = layout(panels);
  const document: Plain<grafana.Dashboard> = {
    uid: dashboard.uid,
    title: dashboard.title,
    description: dashboard.about,
    tags: ["create-stack"],
    schemaVersion,
    version: 1,
    editable: false,
    // One crosshair over all panels.
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timezone: "browser",
    links: [],
    annotations: { list: [] },
    templating: { list: (dashboard.variables ?? []).map((variable) => variableOf(variable, sources.metrics)) },
    panels: panels.map((panel, index) => panelOf(panel, index + 1, places[index] as Place, sources)),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function variableOf({ name, label, query, several }: DashboardVariable, source: Source): Plain<grafana.VariableModel> {
  const all = { text: "All", value: "$__all" };
  return {
    type: "query",
    name,
    label,
    datasource: refOf(source),
    definition: query,
    query: { query, refId: `variable-${name}` },
    refresh: 2,
    sort: 1,
    multi: several === true,
    includeAll: several === true,
    // The values are put into a regular expression.
    ...(several && { allValue: ".+", current: { text: [all.text], value: [all.value] } }),
  } as Plain<grafana.VariableModel>;
}

function panelOf(panel: DashboardPanel, id: number, place: Place, sources: DashboardSources): Panel {
  const source = panel.kind === "logs" && sources.logs ? sources.logs : sources.metrics;
  return {
    id,
    type: panel.kind,
    title: panel.title,
    ...(panel.about !== undefined && { description: panel.about }),
    datasource: refOf(source),
    gridPos: place,
    fieldConfig: { defaults: fieldConfigOf(panel), overrides: [] },
    options: optionsOf(panel),
    targets: panel.queries.map((query, index) => targetOf(query, index, panel.kind, source)),
    ...(panel.kind === "table" && { transformations: [{ id: "merge", options: {} }] }),
  };
}

function refOf({ type, uid }: Source): { type: string; uid: string } {
  return { type, uid };
}

function targetOf({ expr, legend }: DashboardQuery, index: number, kind: DashboardPanel["kind"], source: Source) {
  const now = kind !== "timeseries" && kind !== "logs";
  return {
    refId: String.fromCharCode(65 + index),
    datasource: refOf(source),
    expr,
    ...(legend !== undefined && { legendFormat: legend }),
    ...(kind === "logs" ? { queryType: "range" } : { instant: now, range: !now }),
    ...(kind === "table" && { format: "table" }),
  };
}

function fieldConfigOf(panel: DashboardPanel): Plain<grafana.FieldConfig> {
  const { kind, unit, min, max, thresholds } = panel;
  if (kind === "logs") return {};
  return {
    ...(unit !== undefined && { unit }),
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    color: { mode: kind === "timeseries" ? "palette-classic" : "thresholds" },
    thresholds: { mode: "absolute", steps: stepsOf(thresholds) },
    ...(kind === "timeseries" && { custom: lineStyle(panel) }),
  };
}

/** Steps of colour by value; the first has no value: it reaches from the smallest number there is. */
function stepsOf(thresholds: DashboardPanel["thresholds"]): Plain<grafana.Threshold>[] {
  const step = (value: number | null, color: string) => ({ value, color }) as Plain<grafana.Threshold>;
  if (thresholds === undefined) return [step(null, "green")];
  const { warning, critical, below } = thresholds;
  const middle = warning === undefined ? [] : [step(below ? critical : warning, "yellow")];
  return below
    ? [step(null, "red"), ...middle, step(warning ?? critical, "green")]
    : [step(null, "green"), ...middle, step(critical, "red")];
}

function lineStyle({ stacked, thresholds }: DashboardPanel): Plain<grafana.GraphFieldConfig> {
  return {
    lineWidth: 1,
    fillOpacity: stacked ? 30 : 8,
    showPoints: "never",
    spanNulls: false,
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
    thresholdsStyle: { mode: thresholds === undefined ? "off" : "line" },
  };
}

function optionsOf({ kind }: DashboardPanel): Record<string, unknown> {
  const reduce = { calcs: ["lastNotNull"], fields: "", values: false };
  switch (kind) {
    case "timeseries":
      return {
        legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
        tooltip: { mode: "multi", sort: "desc" },
      };
    case "stat":
      return { reduceOptions: reduce, colorMode: "value", graphMode: "none", textMode: "auto", justifyMode: "auto" };
    case "gauge":
      return { reduceOptions: reduce, showThresholdLabels: false, showThresholdMarkers: true };
    case "bargauge":
      return { reduceOptions: reduce, displayMode: "basic", orientation: "horizontal", showUnfilled: true };
    case "table":
      return { showHeader: true, cellHeight: "sm" };
    case "logs":
      return {
        showTime: true,
        wrapLogMessage: true,
        enableLogDetails: true,
        sortOrder: "Descending",
        dedupStrategy: "none",
      };
  }
}
