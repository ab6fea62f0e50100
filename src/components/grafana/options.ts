import { z } from "zod";
import { hostName, imageReference, limits } from "../../stack/fields.ts";

/** Section of stack.yaml for Grafana. */
export const options = z.strictObject({
  host: hostName()
    .optional()
    .describe("Public host name, behind Traefik and Grafana's own login; left out, ./prod.sh open grafana leads to it"),
  image: imageReference().optional().describe("Another image of Grafana"),
  limits: limits({ cpus: 0.5, memory: "288m" }),
});

export type GrafanaOptions = z.infer<typeof options>;

export function imageOf({ image }: Pick<GrafanaOptions, "image">): string {
  return image ?? "grafana/grafana:13.2.0";
}
