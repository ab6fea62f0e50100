import type { StackModel } from "../stack/model.ts";
import { codes } from "./handbook-text.ts";

/** What RUNBOOK.md of a stack says of metrics and logs; nothing where there is nobody to ask. */
export function monitoringValues(model: StackModel): Record<string, unknown> {
  const has = (image: RegExp) => model.services.find((service) => image.test(service.image));
  const apps = model.services.filter(({ group, class: kind }) => group === "apps" && kind === "long-running");
  const dashboards = model.files.flatMap(({ path }) => {
    const name = /\/dashboards\/(?<name>[a-z0-9-]+)\.json$/.exec(path)?.groups?.name;
    return name === undefined ? [] : [name];
  });
  return {
    consoles: model.consoles.length > 0 && model.consoles,
    dashboards: dashboards.length > 0 && codes(dashboards),
    folder: model.name,
    metrics: model.monitoring?.prometheus.service ?? false,
    loki: has(/(^|\/)loki:/)?.name ?? false,
    kibana: has(/(^|\/)kibana:/) !== undefined,
    example: apps[0]?.name ?? model.services[0]?.name ?? "SERVICE",
  };
}
