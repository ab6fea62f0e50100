import type { AlertRule, Thresholds } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";

const minute = 60_000;

/** Used share of the disk that the volumes are on, whoever fills it. */
export function usedDisk(key: string): string {
  const of = (type: string) => `max(SeaweedFS_volumeServer_resource{job="${key}", type="${type}"})`;
  return `${of("used")} / (${of("all")} > 0)`;
}

/** When somebody is told about SeaweedFS, which tells its own metrics as the job `key`. */
export function alertRules(key: string, { disk }: Pick<Thresholds, "disk">): AlertRule[] {
  const of = (metric: string, more = "") => `SeaweedFS_${metric}{job="${key}"${more}}`;
  return [
    serverDown(key, {
      name: "SeaweedfsDown",
      expr: `max(up{job="${key}"}) == 0`,
      summary: `${key} does not tell its metrics`,
      meaning: "The server is stopped or hangs: every upload and download fails.",
    }),
    {
      name: "SeaweedfsDiskNearlyFull",
      expr: `${usedDisk(key)} > ${disk}`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `the disk of ${key} is {{ $value | humanizePercentage }} full`,
      meaning:
        "When it is full, uploads are refused; so are the writes of everything else on this disk. What was deleted is given back bit by bit.",
      command: `./prod.sh status`,
    },
    {
      name: "SeaweedfsReadOnly",
      expr: `sum(${of("volumeServer_read_only_volumes", ', type=~"isDiskSpaceLow|noWriteOrDelete"')}) > 0`,
      for: 5 * minute,
      severity: "critical",
      about: key,
      summary: `${key} takes no more writes into {{ $value }} of its volumes`,
      meaning: "The disk is full, or writing to it failed: the server keeps what is there and refuses uploads.",
      command: `./prod.sh logs ${key} --since 15m`,
    },
    {
      name: "SeaweedfsErrors",
      expr: `sum(increase(${of("s3_request_total", ', code=~"5.."')}[5m])) > 5`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${key} has answered {{ $value | humanize }} requests with an error of its own within 5 minutes`,
      meaning: "It took the requests and could not do them. Its log says why, mostly the disk.",
      command: `./prod.sh logs ${key} --since 15m`,
    },
  ];
}
