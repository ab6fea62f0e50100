import type { Network, SecretFile } from "../stack/model.ts";
import { type AlertRule, type DashboardPanel, type DashboardQuery, scrapeNetwork } from "../stack/monitoring.ts";
import type { Mount } from "../stack/service.ts";
import type { ServiceNeeds } from "./component.ts";
import { randomPassword } from "./random-secret.ts";

const megabyte = 1024 ** 2;
const minute = 60_000;

/** The network on which metrics are read, in the words that all components share. */
export const networkOfScrapes: Network = {
  name: scrapeNetwork,
  about: "Prometheus and what it reads metrics of",
  internal: true,
};

/** Role, user or access key by which an exporter logs in. No database, app or bucket can have a name with this underscore. */
export const monitorUser = "stack_monitor";

/** Secret with the password of that login. */
export function monitorSecret(key: string): string {
  return `${key}_${monitorUser}`;
}

export function monitorPassword(key: string): SecretFile {
  return randomPassword(monitorSecret(key), `Password of ${monitorUser} at ${key}, who reads the server's state`);
}

/** A small program beside a server, which asks the server for its state and tells it to Prometheus. */
export interface ExporterNeeds {
  /** Key of the component whose server it asks; also the network on which it reaches it. */
  key: string;
  /** Which server of the component it asks, where there are several: its service. */
  server?: string;
  image: string;
  user: string;
  command?: string[];
  environment: Record<string, string>;
  secret?: string;
  mounts?: Mount[];
  /** Address of its own that answers as long as it runs, whatever the server does; undefined: nothing in its image could ask. */
  alive?: string;
  /** Set-up that gives it its login. */
  setup?: string;
}

/** Name of the exporter's service, by the component's key, or by the server where it has several. */
export function exporterName(server: string): string {
  return `${server}-exporter`;
}

/** The exporter is alive without its server, and says then that the server is not: it waits for nothing but its login. */
export function exporterService(needs: ExporterNeeds): ServiceNeeds {
  const { key, server = key } = needs;
  return {
    name: exporterName(server),
    about: `Reads the state of ${server} for Prometheus`,
    group: "monitoring",
    image: needs.image,
    user: needs.user,
    ...(needs.command && { command: needs.command }),
    environment: { GOMEMLIMIT: "40MiB", ...needs.environment },
    ...(needs.secret !== undefined && { secrets: [needs.secret] }),
    ...(needs.mounts && { mounts: needs.mounts }),
    tmpfs: [{ target: "/tmp", size: megabyte, mode: "1777" }],
    networks: [key, scrapeNetwork],
    ...(needs.setup !== undefined && {
      dependsOn: [{ service: needs.setup, condition: "service_completed_successfully" }],
    }),
    ...(needs.alive === undefined
      ? {
          exceptions: [
            { rule: "healthcheck", reason: "its image holds the exporter alone, and nothing that could ask it" },
          ],
        }
      : { healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", needs.alive], interval: 15_000 } }),
    limits: { cpus: 0.25, memory: 48 * megabyte, pids: 64 },
  };
}

/** The rule that a server is down: whoever uses it fails as well, so their alerts wait behind it. */
export function serverDown(
  key: string,
  rule: Pick<AlertRule, "name" | "expr" | "summary" | "meaning"> & Partial<Pick<AlertRule, "for" | "command">>,
): AlertRule {
  return { for: minute, severity: "critical", about: key, cause: true, command: `./prod.sh logs ${key}`, ...rule };
}

/** The row that a dashboard begins with: what is read at a glance. */
export function topRow(panels: DashboardPanel[]): DashboardPanel[] {
  return panels.map((panel) => ({ width: 6, height: 5, ...panel }));
}

/** Its first panel: whether the server is there at all. `otherwise`: what it means that the query does not give 1. */
export function answers(
  query: DashboardQuery,
  otherwise: string,
  differs: Partial<Pick<DashboardPanel, "title" | "width">> = {},
): DashboardPanel {
  return {
    title: "Answers",
    about: `1: yes. ${otherwise}`,
    kind: "stat",
    queries: [query],
    thresholds: { critical: 1, below: true },
    ...differs,
  };
}

/** How much of what there is is in use, as a share of 1. */
export function gaugeOfShare(panel: Omit<DashboardPanel, "kind" | "unit" | "min" | "max">): DashboardPanel {
  return { ...panel, kind: "gauge", unit: "percentunit", min: 0, max: 1 };
}
