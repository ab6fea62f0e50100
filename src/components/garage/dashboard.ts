import type { Dashboard, Thresholds } from "../../stack/monitoring.ts";
import { answers, topRow } from "../monitored.ts";
import { diskInUse, requestPanels } from "../object-storage/dashboard.ts";
import { usedDisk } from "./alerts.ts";

/** What one asks of an S3 server at night; it tells its own metrics as the job `key`. */
export function dashboard(key: string, thresholds: Pick<Thresholds, "disk">): Dashboard {
  const of = (metric: string, more = "") => `${metric}{job="${key}"${more}}`;
  const rate = (metric: string, more = "") => `rate(${of(metric, more)}[$__rate_interval])`;
  return {
    uid: `garage-${key}`,
    title: `Object storage: ${key}`,
    about: "Does it answer, is there room, do requests fail, how long do they take?",
    panels: [
      ...topRow([
        answers({ expr: of("up"), legend: key }, "0: stopped, hanging, or the token of Prometheus is refused."),
        diskInUse(key, usedDisk(key), thresholds),
        {
          title: "Pieces that cannot be read",
          about: "A file of the data volume is gone or damaged.",
          kind: "stat",
          queries: [{ expr: of("block_resync_errored_blocks"), legend: key }],
          thresholds: { critical: 1 },
        },
        {
          title: "Work that waits",
          about: "Removing what was deleted, looking at what failed. It goes down again by itself.",
          kind: "stat",
          queries: [{ expr: of("block_resync_queue_length"), legend: key }],
        },
      ]),
      ...requestPanels("api_endpoint", {
        all: rate("api_s3_request_counter"),
        server: rate("api_s3_error_counter", ', status_code=~"5.."'),
        client: rate("api_s3_error_counter", ', status_code=~"4.."'),
      }),
      {
        title: "How long requests take",
        about: "The slowest one of a hundred.",
        kind: "timeseries",
        unit: "s",
        queries: [
          {
            expr: `histogram_quantile(0.99, sum by (le, api_endpoint) (${rate("api_s3_request_duration_bucket")}))`,
            legend: "{{api_endpoint}}",
          },
        ],
        min: 0,
      },
      {
        title: "Read from and written to the disk",
        kind: "timeseries",
        unit: "Bps",
        queries: [
          { expr: rate("block_bytes_written"), legend: "written" },
          { expr: rate("block_bytes_read"), legend: "read" },
        ],
        min: 0,
      },
      {
        title: "Objects",
        about: "And parts of uploads that were not finished.",
        kind: "timeseries",
        unit: "short",
        queries: [
          { expr: of("table_size", ', table_name="object"'), legend: "objects" },
          { expr: of("table_size", ', table_name="multipart_upload"'), legend: "unfinished uploads" },
        ],
        min: 0,
      },
    ],
  };
}
