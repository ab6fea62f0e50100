import type { Dashboard } from "../../stack/monitoring.ts";
import { applications } from "./dashboard-applications.ts";
import { backups } from "./dashboard-backups.ts";
import { infrastructure } from "./dashboard-infrastructure.ts";
import { releases } from "./dashboard-releases.ts";

/** Dashboards of what every stack has: its apps, their releases, the host, the backups. */
export function generalDashboards(): Dashboard[] {
  return [applications, releases, infrastructure, backups];
}
