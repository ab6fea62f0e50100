/** What must hold for a dashboard in Grafana's format beyond its types, which the compiler checks. */

interface Place {
  x: number;
  y: number;
  w: number;
  h: number;
}

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: Place;
  datasource?: { uid: string };
  targets: { refId: string; expr: string }[];
  fieldConfig?: { defaults: { unit?: string } };
}

/** A dashboard as Grafana reads it. */
export interface DashboardDocument {
  uid: string;
  title: string;
  schemaVersion?: number;
  templating?: { list: { name: string; query: { query: string } }[] };
  panels: Panel[];
}

const kinds = ["timeseries", "stat", "gauge", "table", "bargauge", "logs"];

/** Ids of Grafana's units that dashboards here use: https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts */
const units = [
  "none",
  "short",
  "percent",
  "percentunit",
  "bytes",
  "decbytes",
  "Bps",
  "s",
  "ms",
  "reqps",
  "ops",
  "iops",
  "wps",
  "rps",
  "cps",
  "dateTimeFromNow",
  "bool",
  "bool_on_off",
];

const builtIn = ["__interval", "__rate_interval", "__range", "__auto"];

/** Everything that is wrong, in a line each. */
export function dashboardProblems(document: DashboardDocument, sources: readonly string[]): string[] {
  const { uid, title, schemaVersion, panels } = document;
  const ids = panels.map(({ id }) => id);
  const twice = new Set(ids.filter((one, index) => ids.indexOf(one) < index));
  return [
    ...(/^[a-z0-9-]{1,40}$/.test(uid) ? [] : [`uid: ${uid}`]),
    ...(title === "" ? ["no title"] : []),
    ...(schemaVersion === 42 ? [] : [`schemaVersion: ${schemaVersion}`]),
    ...[...twice].map((id) => `two panels have the id ${id}`),
    ...panels.flatMap((panel, index) => [
      ...placeProblems(panel, panels.slice(0, index)),
      ...contentProblems(panel, sources),
      ...unknownVariables(panel, document).map((name) => `${panel.title}: no such variable: ${name}`),
    ]),
  ];
}

function placeProblems({ title, gridPos }: Panel, before: readonly Panel[]): string[] {
  const under = before.find((other) => overlap(other.gridPos, gridPos));
  return [
    ...(gridPos.x + gridPos.w > 24 ? [`${title}: wider than the dashboard`] : []),
    ...(under === undefined ? [] : [`${title}: lies on ${under.title}`]),
  ];
}

function contentProblems(
  { title, type, targets, fieldConfig, datasource }: Panel,
  sources: readonly string[],
): string[] {
  const unit = fieldConfig?.defaults.unit;
  return [
    ...(kinds.includes(type) ? [] : [`${title}: no such kind of panel: ${type}`]),
    ...(targets.length > 0 ? [] : [`${title}: asks nothing`]),
    ...(unit === undefined || units.includes(unit) ? [] : [`${title}: no such unit: ${unit}`]),
    ...(datasource === undefined || sources.includes(datasource.uid)
      ? []
      : [`${title}: no such source: ${datasource.uid}`]),
  ];
}

function unknownVariables({ targets }: Panel, { templating }: DashboardDocument): string[] {
  const known = [...(templating?.list ?? []).map(({ name }) => name), ...builtIn];
  const named = targets.flatMap(({ expr }) => [...expr.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name = ""]) => name));
  return named.filter((name) => !known.includes(name));
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
