import { catalogue } from "../components/index.ts";
import type { Catalogue } from "../generator/model.ts";
import type { GenerateRequest } from "../operations/generate.ts";
import type { Carried } from "./carried.ts";

/** The component types with their templates, as this program carries them. */
export function carriedCatalogue(carried: Carried): Catalogue {
  return { components: catalogue, templates: (path) => carried.asset(`templates/${path}`) };
}

export function generateRequest(carried: Carried, directory: string): GenerateRequest {
  const bundle = carried.text();
  return {
    directory,
    catalogue: carriedCatalogue(carried),
    carried: { version: carried.version, door: carried.asset("prod.sh"), ...(bundle !== undefined && { bundle }) },
    today: new Date(),
  };
}
