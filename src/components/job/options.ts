import { z } from "zod";
import { cron, timezone } from "../../stack/backup.ts";
import {
  absolutePath,
  command,
  duration,
  imageReference,
  limits,
  name,
  secretName,
  variableName,
} from "../../stack/fields.ts";
import { environmentValue, use } from "../app/options.ts";

/** Section of stack.yaml for `type: job`. */
export const options = z.strictObject({
  of: name("the name of an app")
    .optional()
    .describe("App whose image, environment, connections and secrets it has, but not its volumes; instead of image"),
  image: imageReference().optional().describe("Image with its tag, where it is not the job `of` an app"),
  command: command().optional().describe("What to run, as a list of words; the image's own command when left out"),
  entrypoint: command().optional().describe("Instead of the image's own entry point"),
  schedule: cron("0 4 * * *").describe("When it runs: a cron line of five fields, such as 0 4 * * *"),
  timezone: timezone().describe("Time zone that the line is read in"),
  timeout: duration().prefault("1h").describe("A run that takes longer is stopped, within a minute"),
  catchUp: z
    .boolean()
    .default(true)
    .describe("Times that passed while it could not run are made up for by one run; false: told as missed instead"),
  uses: z
    .array(use)
    .default([])
    .describe("Components that it connects to, as an app does; `of` brings those of the app"),
  env: z.record(variableName(), environmentValue).default({}).describe("Environment that is no secret"),
  secrets: z
    .record(variableName(), secretName())
    .default({})
    .describe("Environment variables whose value stands in a file under secrets/"),
  user: z
    .string({ error: 'expected a numeric user such as "1000:1000"' })
    .regex(/^\d+(:\d+)?$/, 'expected a numeric user such as "1000:1000"')
    .optional()
    .describe("Numeric user and group; that of the app or the image when left out"),
  writable: z
    .array(absolutePath("a path in the container"))
    .default([])
    .describe("Further folders that it may write to; in memory, gone at the end of a run"),
  writableRoot: z.boolean().default(false).describe("Lets it write anywhere in its container"),
  stopGrace: duration().prefault("10s").describe("Time between being told to stop and being killed"),
  limits: limits({ cpus: 1, memory: "512m" }),
});

export type JobOptions = z.infer<typeof options>;
