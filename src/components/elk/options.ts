import { z } from "zod";
import { duration, hostName, limits, size } from "../../stack/fields.ts";
import { collectorOptions } from "../container-logs/options.ts";

const day = 86_400_000;

/** The last release of each line. Elasticsearch, Logstash and Kibana go together. */
const releases = { 8: "8.19.20", 9: "9.5.2" } as const;

const server = (name: string, defaults: { cpus: number; memory: string; pids: number }) =>
  z
    .strictObject({ limits: limits(defaults) })
    .prefault({})
    .describe(`Settings of ${name}`);

export const elkOptions = z.strictObject({
  version: z
    .union([z.literal(8), z.literal(9)], { error: "expected 8 or 9" })
    .default(9)
    .describe("Major version of Elasticsearch, Logstash and Kibana; from 8 to 9 by this line, never back"),
  retention: duration()
    .prefault("30d")
    .refine((milliseconds) => milliseconds >= day, "expected at least 1d")
    .describe("How long log lines are kept"),
  rollover: size().prefault("5g").describe("Size from which on a day's index is closed and a new one begun"),
  host: hostName().optional().describe("Public host name of Kibana; without it: `./prod.sh open kibana`"),
  force: z.boolean().default(false).describe("Start also on a host with less than 8 GB of memory"),
  ...collectorOptions,
  limits: limits({ cpus: 2, memory: "2g", pids: 1024 }).describe(
    "Upper limits of Elasticsearch; half of the memory is heap",
  ),
  logstash: server("Logstash; half of its memory is heap", { cpus: 1, memory: "1g", pids: 512 }),
  kibana: server("Kibana", { cpus: 1, memory: "1g", pids: 256 }),
});

export type ElkOptions = z.output<typeof elkOptions>;

/** `elasticsearch:8.19.20`, and its siblings. */
export function imageOf(program: "elasticsearch" | "logstash" | "kibana", { version }: Pick<ElkOptions, "version">) {
  return `${program}:${releases[version]}`;
}
