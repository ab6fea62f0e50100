import type { StackModel } from "../stack/model.ts";
import { tagValue } from "./compose-service.ts";

/** Prints .env: what `docker compose` needs to know to be called without flags. Holds no secret. */
export function envFile(model: StackModel, composePaths: readonly string[]): string {
  const tags = new Map<string, string>();
  for (const service of model.services)
    if (service.tagVariable !== undefined) tags.set(service.tagVariable, tagValue(service));
  const lines = [
    "# Read by docker compose in this directory. No secrets here: everybody who may run docker can see it.",
    "# Made by create-stack from stack.yaml. To change it, edit stack.yaml and run ./prod.sh generate.",
    "",
    `COMPOSE_PROJECT_NAME=${model.name}`,
    `COMPOSE_FILE=${composePaths.join(":")}`,
    "COMPOSE_PATH_SEPARATOR=:",
  ];
  if (tags.size > 0) {
    lines.push("", "# Image tags of the current release.");
    for (const [variable, tag] of [...tags].sort(([a], [b]) => (a < b ? -1 : 1))) lines.push(`${variable}=${tag}`);
  }
  return `${lines.join("\n")}\n`;
}
