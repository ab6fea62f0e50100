import type { AlertRule, Thresholds } from "../../../stack/monitoring.ts";
import { backupRules } from "./backups.ts";
import { hostRules } from "./host.ts";
import { ownRules } from "./own.ts";
import { routeRules } from "./routes.ts";
import { serviceRules } from "./services.ts";

/** What is looked at in every stack, whatever is in it. `monitoring` is the key of the component that looks. */
export function genericRules(thresholds: Thresholds, monitoring: string): AlertRule[] {
  return [
    ...serviceRules,
    ...hostRules(thresholds),
    ...routeRules(thresholds),
    ...backupRules,
    ...ownRules(monitoring),
  ];
}
