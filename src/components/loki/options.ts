import { z } from "zod";
import { duration, limits, size } from "../../stack/fields.ts";
import { collectorOptions } from "../container-logs/options.ts";

const day = 86_400_000;

export const lokiOptions = z.strictObject({
  retention: duration()
    .prefault("30d")
    // Loki removes by the day: its index has one file for each.
    .refine((milliseconds) => milliseconds >= day, "expected at least 1d")
    .describe("How long log lines are kept"),
  size: size().prefault("10g").describe("Disk space of the kept logs from which on somebody is told"),
  ...collectorOptions,
  limits: limits({ cpus: 1, memory: "256m" }),
});

export type LokiOptions = z.output<typeof lokiOptions>;
