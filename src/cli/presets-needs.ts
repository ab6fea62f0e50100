import { buildModel } from "../generator/model.ts";
import { loadStackConfig } from "../stack/load.ts";
import type { Carried } from "./carried.ts";
import { carriedCatalogue } from "./generation.ts";
import { limitsOf } from "./summary.ts";

/** What a preset becomes, as it stands: the services that keep running, and the sum of their memory limits in bytes. */
export function needsOfPreset(text: string, carried: Carried): { memory: number; services: string[] } {
  const catalogue = carriedCatalogue(carried);
  const model = buildModel(loadStackConfig(text, "stack.yaml", catalogue.components), catalogue);
  const running = model.services.filter((service) => service.class === "long-running");
  return { memory: limitsOf(running), services: running.map(({ name }) => name) };
}
