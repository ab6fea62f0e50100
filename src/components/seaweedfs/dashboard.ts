import type { Dashboard, Thresholds } from "../../stack/monitoring.ts";
import { answers, topRow } from "../monitored.ts";
import { diskInUse, requestPanels } from "../object-storage/dashboard.ts";
import { usedDisk } from "./alerts.ts";

/** What one asks of an S3 server at night; it tells its own metrics as the job `key`. */
export function dashboard(key: string, thresholds: Pick<Thresholds, "disk">): Dashboard {
  const of = (metric: string, more = "") => `SeaweedFS_${metric}{job="${key}"${more}}`;
  const rate = (metric: string, more = "") => `rate(${of(metric, more)}[$__rate_interval])`;
  return {
    uid: `seaweedfs-${key}`,
    title: `Object storage: ${key}`,
    about: "Does it answer, is there room, do requests fail, who fills it?",
    panels: [
      ...topRow([
        answers({ expr: `up{job="${key}"}`, legend: key }, "0: stopped or hanging."),
        diskInUse(key, usedDisk(key), thresholds),
        {
          title: "Volumes that take no writes",
          kind: "stat",
          queries: [{ expr: `sum(${of("volumeServer_read_only_volumes")})`, legend: key }],
          thresholds: { critical: 1 },
        },
        {
          title: "Started",
          kind: "stat",
          unit: "dateTimeFromNow",
          queries: [{ expr: `1000 * ${of("volumeServer_start_time_seconds")}`, legend: key }],
        },
      ]),
      ...requestPanels("type", {
        all: rate("s3_request_total"),
        server: rate("s3_request_total", ', code=~"5.."'),
        client: rate("s3_request_total", ', code=~"4.."'),
      }),
      {
        title: "Traffic",
        kind: "timeseries",
        unit: "Bps",
        queries: [
          { expr: `sum(${rate("s3_bucket_traffic_received_bytes_total")})`, legend: "in" },
          { expr: `sum(${rate("s3_bucket_traffic_sent_bytes_total")})`, legend: "out" },
        ],
        min: 0,
      },
      {
        title: "Stored by bucket",
        about: "As it counts from time to time.",
        kind: "timeseries",
        unit: "bytes",
        queries: [{ expr: of("s3_bucket_size_bytes"), legend: "{{bucket}}" }],
        min: 0,
      },
    ],
  };
}
