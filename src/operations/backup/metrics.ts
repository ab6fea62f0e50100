import type { Metric, Sample } from "../../notify/metrics-text.ts";
import type { BackupStatusReport } from "./backup-status.ts";
import type { ReportMemory } from "./report-memory.ts";

const prefix = "create_stack_backup";

/**
 * Metrics of backups. Moments instead of ages: a file that nobody writes any more would go on telling of a young backup,
 * while `time() - …_timestamp_seconds` grows.
 */
export function backupMetrics(report: BackupStatusReport, memory: ReportMemory): Metric[] {
  const { stack, sources, stores } = report;
  const all = <Item>(items: readonly Item[], each: (item: Item) => (Sample | undefined)[]): Sample[] =>
    items.flatMap(each).filter((sample) => sample !== undefined);
  const of = (labels: Record<string, string>, value: number | undefined): Sample | undefined =>
    value === undefined ? undefined : { labels: { stack, ...labels }, value };
  const seconds = (milliseconds: number | undefined) => (milliseconds === undefined ? undefined : milliseconds / 1_000);
  const counted = (counts: Readonly<Record<string, number>>, label: string) =>
    all(Object.entries(counts), ([name, count]) => [of({ [label]: name }, count)]);
  const gauge = (name: string, help: string, samples: Sample[]): Metric => ({
    name: `${prefix}_${name}`,
    type: "gauge",
    help,
    samples,
  });
  const counter = (name: string, help: string, samples: Sample[]): Metric => ({
    name: `${prefix}_${name}_total`,
    type: "counter",
    help,
    samples,
  });
  return [
    gauge(
      "written_timestamp_seconds",
      "When these metrics were written.",
      all([report.at], (at) => [of({}, seconds(at))]),
    ),
    gauge(
      "recovery_point_timestamp_seconds",
      "Newest moment of the data that this destination can bring back, idle time included.",
      all(sources, ({ points, source }) =>
        points.map(({ store, age }) =>
          of({ source, destination: store }, age === undefined ? undefined : seconds(report.at - age)),
        ),
      ),
    ),
    gauge(
      "recovery_point_objective_seconds",
      "How much may be lost at most.",
      all(sources, ({ source, rpo }) => [of({ source }, seconds(rpo))]),
    ),
    gauge(
      "last_run_timestamp_seconds",
      "When a copy of this type was last tried.",
      all(sources, ({ source, runs }) =>
        Object.entries(runs).map(([type, run]) => of({ source, type }, seconds(run?.lastRunAt))),
      ),
    ),
    gauge(
      "last_run_success",
      "1 where the last copy of this type went well.",
      all(sources, ({ source, runs }) =>
        Object.entries(runs).map(([type, run]) => of({ source, type }, run?.lastOutcome === "ok" ? 1 : 0)),
      ),
    ),
    gauge(
      "last_duration_seconds",
      "How long the last good copy of this type took.",
      all(Object.entries(memory.durations), ([name, took]) => {
        const [source = "", type = ""] = name.split("/");
        return [of({ source, type }, seconds(took))];
      }),
    ),
    gauge(
      "snapshot_size_bytes",
      "Stored size of the newest snapshot of this type.",
      all(sources, ({ source, newest }) => newest.map(({ type, bytes }) => of({ source, type }, bytes))),
    ),
    gauge(
      "drill_timestamp_seconds",
      "When this source was last restored on trial.",
      all(sources, ({ source, drill }) => [of({ source }, seconds(drill?.at))]),
    ),
    gauge(
      "drill_success",
      "1 where the last trial restore went well.",
      all(sources, ({ source, drill }) => [of({ source }, drill === undefined ? undefined : drill.ok ? 1 : 0)]),
    ),
    gauge(
      "drill_duration_seconds",
      "How long the last trial restore took.",
      all(sources, ({ source, drill }) => [of({ source }, seconds(drill?.took))]),
    ),
    gauge(
      "destination_up",
      "1 where the destination could be read.",
      all(stores, ({ store, error }) => [of({ destination: store }, error === undefined ? 1 : 0)]),
    ),
    gauge(
      "destination_size_bytes",
      "Size of snapshots and log at the destination.",
      all(stores, ({ store, bytes, error }) => [of({ destination: store }, error === undefined ? bytes : undefined)]),
    ),
    gauge(
      "destination_missing_snapshots",
      "Snapshots of this server that the destination has not got yet.",
      all(stores, ({ store, missing, error }) => [
        of({ destination: store }, error === undefined ? missing : undefined),
      ]),
    ),
    counter("source_failures", "Copies that failed.", counted(memory.sourceFailures, "source")),
    counter("delivery_failures", "Deliveries that failed.", counted(memory.deliveryFailures, "destination")),
    counter("hook_failures", "Reports that could not be sent or written.", counted(memory.hookFailures, "hook")),
  ];
}
