import type { StackModel } from "../stack/model.ts";
import { fillTemplate, type TemplateSource } from "./templates.ts";

/** RUNBOOK.md and ARCHITECTURE.md of a stack. */
export function handbook(model: StackModel, templates: TemplateSource): { path: string; content: string }[] {
  const values = { name: model.name };
  return [
    { path: "ARCHITECTURE.md", content: fillTemplate(templates, "stack/ARCHITECTURE.md.hbs", values) },
    { path: "RUNBOOK.md", content: fillTemplate(templates, "stack/RUNBOOK.md.hbs", values) },
  ];
}
