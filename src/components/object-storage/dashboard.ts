import type { DashboardPanel, Thresholds } from "../../stack/monitoring.ts";
import { gaugeOfShare } from "../monitored.ts";

/** How full the disk of an S3 server is. */
export function diskInUse(key: string, expr: string, { disk }: Pick<Thresholds, "disk">): DashboardPanel {
  return gaugeOfShare({
    title: "Disk in use",
    about: "Of the whole disk, whoever fills it.",
    queries: [{ expr, legend: key }],
    thresholds: { warning: Math.max(0, disk - 0.1), critical: disk },
  });
}

/** Requests in a second by the label that names their kind, and those that failed: each a rate of requests. */
export function requestPanels(by: string, rates: { all: string; server: string; client: string }): DashboardPanel[] {
  return [
    {
      title: "Requests",
      kind: "timeseries",
      unit: "reqps",
      queries: [{ expr: `sum by (${by}) (${rates.all})`, legend: `{{${by}}}` }],
      min: 0,
    },
    {
      title: "Requests that failed",
      about: "4xx: the client asked for something wrong or forbidden. 5xx: the server could not.",
      kind: "timeseries",
      unit: "reqps",
      queries: [
        { expr: `sum(${rates.server}) or vector(0)`, legend: "5xx" },
        { expr: `sum(${rates.client}) or vector(0)`, legend: "4xx" },
      ],
      min: 0,
    },
  ];
}
