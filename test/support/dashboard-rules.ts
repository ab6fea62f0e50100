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

interface Document {
  uid: string;
  title: string;
  schemaVersion?: number;
  templating?: { list: { name: string }[] };
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
export function dashboardProblems(document: Document, sources: readonly string[]): string[] {
  const variables = [...(document.templating?.list ?? []).map(({ name }) => name), ...builtIn];
  const problems: string[] = [];
  if (!/^[a-z0-9-]{1,40}$/.test(document.uid)) problems.push(`uid: ${document.uid}`);
  if (document.title === "") problems.push("no title");
  if (document.schemaVersion !== 42) problems.push(`schemaVersion: ${document.schemaVersion}`);
  const ids = document.panels.map(({ id }) => id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) < index)))
    problems.push(`two panels have the id ${id}`);
  document.panels.forEach((panel, index) => {
    const say = (text: string) => problems.push(`${panel.title}: ${text}`);
    const { gridPos } = panel;
    const under = document.panels.slice(0, index).find((other) => overlap(other.gridPos, gridPos));
    if (gridPos.x + gridPos.w > 24) say("wider than the dashboard");
    if (under !== undefined) say(`lies on ${under.title}`);
    if (!kinds.includes(panel.type)) say(`no such kind of panel: ${panel.type}`);
    if (panel.targets.length === 0) say("asks nothing");
    const unit = panel.fieldConfig?.defaults.unit;
    if (unit !== undefined && !units.includes(unit)) say(`no such unit: ${unit}`);
    if (panel.datasource !== undefined && !sources.includes(panel.datasource.uid))
      say(`no such source: ${panel.datasource.uid}`);
    for (const { expr } of panel.targets)
      for (const [, name = ""] of expr.matchAll(/\$\{?(\w+)/g))
        if (!variables.includes(name)) say(`no such variable: ${name}`);
  });
  return problems;
}

function overlap(a: Place, b: Place): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
