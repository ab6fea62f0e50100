import { z } from "zod";
import { duration, limits, size } from "../../stack/fields.ts";
import { usualThresholds } from "../../stack/monitoring.ts";

const share = () => z.number({ error: "expected a share such as 0.85" }).gt(0).lt(1);

/** Section `monitoring` of stack.yaml. */
export const options = z.strictObject({
  scrape: duration()
    .prefault("15s")
    .describe("Time between two readings of all metrics, and of two looks at the rules"),
  retention: duration().prefault("15d").describe("How long metrics are kept"),
  size: size().prefault("5g").describe("Disk space that they may take; the oldest go first"),
  cadvisor: z
    .boolean()
    .default(false)
    .describe(
      "Also cAdvisor: disk use, network and throttling of each container. It runs as root, sees every file of the host and reaches the Docker engine, which is as good as owning the server; it takes up to a tenth of a CPU and 200 MB. Memory, CPU, restarts and states of containers are measured without it",
    ),
  thresholds: z
    .strictObject({
      errors: share().default(usualThresholds.errors).describe("Share of requests that fail: 0.01 is 1 %"),
      p99: duration().prefault("1s").describe("Time that 99 of 100 requests must keep within"),
      disk: share().default(usualThresholds.disk).describe("Used share of a disk or of its inodes"),
      memory: share().default(usualThresholds.memory).describe("Used share of the server's memory"),
      certificateDays: z
        .int()
        .min(1)
        .max(90)
        .default(usualThresholds.certificateDays)
        .describe("Days that a certificate is still good for"),
    })
    .prefault({})
    .describe("From which values on somebody is told"),
  without: z
    .array(z.string().regex(/^[A-Z][A-Za-z0-9]*$/, "expected the name of a rule such as HostDiskFull"))
    .default([])
    .describe("Alert rules that are switched off, by name: [HostDiskFull]"),
  limits: z
    .strictObject({
      prometheus: limits({ cpus: 1, memory: "448m" }),
      alertmanager: limits({ cpus: 0.25, memory: "64m" }),
      nodeExporter: limits({ cpus: 0.25, memory: "64m" }),
      blackbox: limits({ cpus: 0.25, memory: "48m" }),
      cadvisor: limits({ cpus: 0.5, memory: "256m" }),
    })
    .prefault({})
    .describe("Upper limits of each part"),
});

export type MonitoringOptions = z.output<typeof options>;
