import type { AlertRule, Thresholds } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;

/** Used share of the disk that the objects are on, whoever fills it. */
export function usedDisk(key: string): string {
  const of = (metric: string) => `max(${metric}{job="${key}", volume="data"})`;
  return `1 - ${of("garage_local_disk_avail")} / (${of("garage_local_disk_total")} > 0)`;
}

/** When somebody is told about Garage, which tells its own metrics as the job `key`. */
export function alertRules(key: string, { disk }: Pick<Thresholds, "disk">): AlertRule[] {
  const of = (metric: string, more = "") => `${metric}{job="${key}"${more}}`;
  return [
    serverDown(key, {
      name: "GarageDown",
      expr: `max(${of("up")}) == 0`,
      summary: `${key} does not tell its metrics`,
      meaning:
        "The server is stopped, hangs, or refuses the token of Prometheus. In the first two cases every upload and download fails.",
    }),
    {
      name: "GarageDiskNearlyFull",
      expr: `${usedDisk(key)} > ${disk}`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `the disk of ${key} is {{ $value | humanizePercentage }} full`,
      meaning:
        "When it is full, uploads are refused; so are the writes of everything else on this disk. The room of what was deleted is given back some ten minutes later.",
      command: "./prod.sh garage stats",
    },
    {
      name: "GarageObjectsDamaged",
      expr: `max(${of("block_resync_errored_blocks")}) > 0`,
      for: 15 * minute,
      severity: "critical",
      about: key,
      summary: `${key} cannot read {{ $value }} pieces of its objects`,
      meaning:
        "A file below its data volume is gone or damaged, and there is no second node that has it: what it belongs to cannot be downloaded. Look what that is, and restore a backup.",
      command: "./prod.sh garage block list-errors",
    },
    {
      name: "GarageErrors",
      expr: `sum(increase(${of("api_s3_error_counter", ', status_code=~"5.."')}[5m])) > 5`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} has answered {{ $value | humanize }} requests with an error of its own within 5 minutes`,
      meaning: "It took the requests and could not do them. Its log says why, mostly the disk.",
      command: `./prod.sh logs ${key} --since 15m`,
    },
  ];
}
