import type { StackModel } from "./model.ts";
import type { AlertSeverity } from "./monitoring.ts";

/** Something that the supervisor itself tells of: `schedule run` looks once a minute. */
export interface OwnAlert {
  name: string;
  severity: AlertSeverity;
  /** Also where the stack has monitoring, of which it may be the end. */
  always?: true;
  /** For the runbook: what it means, in a sentence or two. */
  meaning: string;
  /** The first command to type. */
  command: string;
}

/** In the order in which the runbook shows them. */
export const ownAlerts = [
  {
    name: "DockerDown",
    severity: "critical",
    always: true,
    meaning: "Docker has not answered for a minute. Containers may still serve; nothing can be started or looked at.",
    command: "sudo systemctl status docker",
  },
  {
    name: "StackStopped",
    severity: "critical",
    always: true,
    meaning: "No service has run for ten minutes, and no command is at work. Whoever stopped the stack knows why.",
    command: "./prod.sh start",
  },
  {
    name: "ServiceDown",
    severity: "critical",
    always: true,
    meaning:
      "A service has been unhealthy, ended or missing for a minute. Those that wait for it are named in the same message.",
    command: "./prod.sh status",
  },
  {
    name: "ServiceReplicasMissing",
    severity: "warning",
    meaning: "A service runs fewer containers than stack.yaml wants. The others serve.",
    command: "./prod.sh start",
  },
  {
    name: "ServiceRestarted",
    severity: "warning",
    meaning: "A service was unhealthy and `./prod.sh watch` restarted it. It serves again, and something made it fail.",
    command: "./prod.sh logs SERVICE --since 30m",
  },
  {
    name: "MigrationFailed",
    severity: "critical",
    meaning: "The newest migration of an app did not end well. Its apps go on with the schema as it is now.",
    command: "./prod.sh migrate",
  },
  {
    name: "JobFailed",
    severity: "warning",
    meaning:
      "The newest run of a job did not end well, was stopped because its time was over, or was missed. A run that ends well ends this.",
    command: "./prod.sh job logs JOB",
  },
  {
    name: "JobOverdue",
    severity: "warning",
    meaning:
      "A job should have run a quarter of an hour ago. It waits for a service that it needs, or for a command at work.",
    command: "./prod.sh job list",
  },
  {
    name: "BackupFailed",
    severity: "warning",
    meaning: "The newest copy of a source failed. The schedule tries again after 15 and 30 minutes.",
    command: "./prod.sh backup status",
  },
  {
    name: "BackupDeliveryFailed",
    severity: "warning",
    meaning: "A copy did not reach a destination. The next run delivers what is missing.",
    command: "./prod.sh backup doctor",
  },
  {
    name: "BackupStoreUnreachable",
    severity: "critical",
    meaning: "A destination has not answered for 15 minutes: how old its copies are cannot be told.",
    command: "./prod.sh backup doctor",
  },
  {
    name: "BackupStale",
    severity: "critical",
    meaning: "The newest copy is older than what may be lost (`rpo`). A warning where it is only about to be.",
    command: "./prod.sh backup run",
  },
  {
    name: "BackupLogHole",
    severity: "warning",
    meaning: "A piece of a database's log is missing: moments around it cannot be restored.",
    command: "./prod.sh backup status",
  },
  {
    name: "RestoreDrillFailed",
    severity: "critical",
    meaning: "A copy could not be restored on trial: it would not help now.",
    command: "./prod.sh backup verify --deep",
  },
  {
    name: "RestoreTooSlow",
    severity: "warning",
    meaning: "A restore on trial took longer than it may take (`rto`).",
    command: "./prod.sh backup status",
  },
  {
    name: "CertificateBad",
    severity: "critical",
    meaning: "Clients refuse the certificate of a host name. A warning where it ends within a week.",
    command: "./prod.sh status",
  },
  {
    name: "HostDiskFull",
    severity: "critical",
    meaning: "The disk of the server is nearly full: databases stop writing when it is.",
    command: "docker system df",
  },
] as const satisfies readonly OwnAlert[];

export type OwnAlertName = (typeof ownAlerts)[number]["name"];

/** What the supervisor tells of in this stack: less where it has monitoring, or nothing that could go wrong so. */
export function ownAlertsOf({
  monitoring,
  migrations,
  jobs,
  routes,
}: Pick<StackModel, "monitoring" | "migrations" | "jobs" | "routes">): readonly OwnAlert[] {
  const all: readonly OwnAlert[] = ownAlerts;
  const cannotBe = new Set<string>([
    ...(migrations.length === 0 ? ["MigrationFailed"] : []),
    ...(jobs.length === 0 ? ["JobFailed", "JobOverdue"] : []),
    ...(routes.some(({ certificate }) => certificate !== undefined) ? [] : ["CertificateBad"]),
  ]);
  return all.filter(({ name, always }) => (monitoring === undefined || always) && !cannotBe.has(name));
}

/** A command or sentence of an alert rule for people: what Prometheus would fill in becomes a word in capitals. */
export function commandToType(text: string): string {
  return text.replaceAll(/\{\{\s*\$labels\.(\w+)\s*\}\}/g, (_, label: string) => label.toUpperCase());
}
