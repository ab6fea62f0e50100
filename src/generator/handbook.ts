import type { StackModel } from "../stack/model.ts";
import { alertsValues } from "./handbook-alerts.ts";
import { architectureValues } from "./handbook-architecture.ts";
import { backupsValues } from "./handbook-backups.ts";
import { byHandValues } from "./handbook-by-hand.ts";
import { monitoringValues } from "./handbook-monitoring.ts";
import { restoreValues } from "./handbook-restore.ts";
import { runbookValues } from "./handbook-runbook.ts";
import { alignComments } from "./handbook-text.ts";
import { fillTemplate, type TemplateSource } from "./templates.ts";

/** RUNBOOK.md and ARCHITECTURE.md of a stack. Pure; no dates, so that the same model gives the same bytes. */
export function handbook(model: StackModel, templates: TemplateSource): { path: string; content: string }[] {
  const architecture = fillTemplate(templates, "stack/ARCHITECTURE.md.hbs", architectureValues(model));
  const page = (name: string, values: Record<string, unknown>) => fillTemplate(templates, name, values).trim();
  const runbook = fillTemplate(templates, "stack/RUNBOOK.md.hbs", {
    ...runbookValues(model),
    monitoring: page("stack/monitoring.md.hbs", monitoringValues(model)),
    alerts: page("stack/alerts.md.hbs", alertsValues(model)),
    backups: page("stack/backups.md.hbs", backupsValues(model)),
    restore: page("stack/restore.md.hbs", restoreValues(model)),
    byHand: page("stack/by-hand.md.hbs", byHandValues(model)),
  });
  return [
    { path: "ARCHITECTURE.md", content: withoutGaps(architecture) },
    { path: "RUNBOOK.md", content: withoutGaps(alignComments(runbook)) },
  ];
}

/** A section that was left out leaves one empty line, not two. */
function withoutGaps(text: string): string {
  return text.replaceAll(/\n{3,}/g, "\n\n");
}
