import type { AlertRule, Thresholds } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;

/** When somebody is told about an S3 server, which tells its own metrics as the job `key`. */
export function alertRules(key: string, { disk }: Pick<Thresholds, "disk">): AlertRule[] {
  const of = (metric: string) => `${metric}{job="${key}"}`;
  const free = `max(${of("minio_cluster_capacity_usable_free_bytes")})`;
  const total = `max(${of("minio_cluster_capacity_usable_total_bytes")})`;
  return [
    serverDown(key, {
      name: "MinioDown",
      expr: `max(${of("up")}) == 0`,
      summary: `${key} does not tell its metrics`,
      meaning:
        "The server is stopped, hangs, or refuses the token of Prometheus. In the first two cases every upload and download fails.",
    }),
    {
      name: "MinioDiskNearlyFull",
      expr: `1 - ${free} / ${total} > ${disk}`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `the disk of ${key} is {{ $value | humanizePercentage }} full`,
      meaning:
        "When it is full, uploads are refused; so are the writes of everything else on this disk. Old versions of objects take room too.",
      command: "./prod.sh mc du --depth 2 --versions local",
    },
    {
      name: "MinioDriveOffline",
      expr: `max(${of("minio_cluster_drive_offline_total")}) > 0 or min(${of("minio_cluster_health_status")}) == 0`,
      for: minute,
      severity: "critical",
      about: key,
      summary: `${key} cannot use its disk`,
      meaning:
        "The server runs, but reading or writing its volume fails: the disk is broken, read-only, or its folder was taken away.",
      command: `./prod.sh logs ${key}`,
    },
    {
      name: "MinioErrors",
      expr: `sum(increase(${of("minio_s3_requests_5xx_errors_total")}[5m])) > 5`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} has answered {{ $value | humanize }} requests with an error of its own within 5 minutes`,
      meaning: "It took the requests and could not do them. Its log says why, mostly the disk.",
      command: `./prod.sh logs ${key} --since 15m`,
    },
  ];
}
