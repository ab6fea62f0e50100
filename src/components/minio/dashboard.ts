import type { Dashboard, Thresholds } from "../../stack/monitoring.ts";
import { answers, topRow } from "../monitored.ts";
import { diskInUse, requestPanels } from "../object-storage/dashboard.ts";

/** What one asks of an S3 server at night; it tells its own metrics as the job `key`. */
export function dashboard(key: string, thresholds: Pick<Thresholds, "disk">): Dashboard {
  const of = (metric: string) => `${metric}{job="${key}"}`;
  const rate = (metric: string) => `rate(${of(metric)}[$__rate_interval])`;
  const [free, total] = ["free", "total"].map((word) => of(`minio_cluster_capacity_usable_${word}_bytes`));
  return {
    uid: `minio-${key}`,
    title: `Object storage: ${key}`,
    about: "Does it answer, is there room, do requests fail, who fills it?",
    panels: [
      ...topRow([
        answers({ expr: of("up"), legend: key }, "0: stopped, hanging, or the token of Prometheus is refused."),
        diskInUse(key, `1 - ${free} / (${total} > 0)`, thresholds),
        {
          title: "Drives offline",
          kind: "stat",
          queries: [{ expr: of("minio_cluster_drive_offline_total"), legend: key }],
          thresholds: { critical: 1 },
        },
        {
          title: "Started",
          kind: "stat",
          unit: "dateTimeFromNow",
          queries: [{ expr: `1000 * ${of("minio_node_process_starttime_seconds")}`, legend: key }],
        },
      ]),
      ...requestPanels("api", {
        all: rate("minio_s3_requests_total"),
        server: rate("minio_s3_requests_5xx_errors_total"),
        client: rate("minio_s3_requests_4xx_errors_total"),
      }),
      {
        title: "Logins refused",
        kind: "timeseries",
        unit: "reqps",
        queries: [
          { expr: rate("minio_s3_requests_rejected_auth_total"), legend: "wrong key or signature" },
          { expr: rate("minio_s3_requests_rejected_timestamp_total"), legend: "clock is wrong" },
          { expr: rate("minio_s3_requests_rejected_invalid_total"), legend: "no S3 request" },
        ],
        min: 0,
      },
      {
        title: "Traffic",
        kind: "timeseries",
        unit: "Bps",
        queries: [
          { expr: rate("minio_s3_traffic_received_bytes"), legend: "in" },
          { expr: rate("minio_s3_traffic_sent_bytes"), legend: "out" },
        ],
        min: 0,
      },
      {
        title: "Under way and waiting",
        about: "Requests that wait, with many under way: the disk is too slow for what is asked.",
        kind: "timeseries",
        unit: "short",
        queries: [
          { expr: `sum(${of("minio_s3_requests_inflight_total")})`, legend: "under way" },
          { expr: of("minio_s3_requests_waiting_total"), legend: "waiting" },
        ],
        min: 0,
      },
      {
        title: "Stored",
        about: "As its own look through all objects found them last, some minutes ago.",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: of("minio_cluster_usage_total_bytes"), legend: "objects" }],
        min: 0,
      },
      {
        title: "Buckets and objects",
        kind: "timeseries",
        unit: "short",
        queries: [
          { expr: of("minio_cluster_usage_object_total"), legend: "objects" },
          { expr: of("minio_cluster_usage_version_total"), legend: "with former versions" },
        ],
        min: 0,
      },
      {
        title: "Memory of the server",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: of("minio_node_process_resident_memory_bytes"), legend: key }],
        min: 0,
      },
    ],
  };
}
