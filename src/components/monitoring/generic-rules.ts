import type { AlertRule } from "../../stack/monitoring.ts";
import type { ComponentUse } from "../component.ts";

const minute = 60_000;

/** What is looked at in every stack, whatever is in it. */
export function genericRules(_use: ComponentUse): AlertRule[] {
  return [
    {
      name: "TargetDown",
      expr: `up{job!="blackbox"} == 0`,
      for: 3 * minute,
      severity: "warning",
      summary: "{{ $labels.service }} has not answered Prometheus for 3 minutes",
      meaning: "What it measures is unknown meanwhile: other alerts about {{ $labels.component }} may stay silent.",
      command: "./prod.sh logs {{ $labels.service }}",
    },
  ];
}
