import { basename } from "node:path";
import type { Problem } from "../support/errors.ts";
import type { ComposeProject } from "./compose-file.ts";
import { composeError } from "./compose-text.ts";
import { parseEnv } from "./env-text.ts";
import type { ImportRequest } from "./import.ts";
import { allUnsetIn, placeholder } from "./interpolate.ts";
import type { Findings } from "./part.ts";
import type { ReadService } from "./read-service.ts";
import { isSecret } from "./secrets-in.ts";

/** One server runs no swarm: what only Swarm reads is refused, with each place, unless the caller wants it left out. */
export function refuseSwarm(project: ComposeProject): void {
  const [first] = project.swarm;
  if (first === undefined) return;
  const problems = project.swarm.map(
    ({ key, position }): Problem => ({ message: `${key} means something to Docker Swarm alone`, position }),
  );
  throw composeError(
    first.position.file,
    problems,
    "a stack runs on one server: remove these, or leave them out with --drop-swarm",
  );
}

/** In the environment a variable may be without a value; elsewhere nobody can guess what was meant. */
export function refuseUnset(project: ComposeProject, services: readonly ReadService[], files: readonly string[]): void {
  const needed = new Set(
    services.flatMap(
      ({ environment: _environment, labels: _labels, health: _health, build: _build, command, entrypoint, ...rest }) =>
        allUnsetIn(
          JSON.stringify([rest, command, entrypoint]).replaceAll("\\u0001", "\u0001").replaceAll("\\u0002", "\u0002"),
        ),
    ),
  );
  const problems = [...needed].flatMap((name): Problem[] => {
    const found = project.unset.find((each) => each.name === name);
    if (found === undefined) return [];
    return [
      {
        message: `${name} has no value${found.message === undefined ? "" : `: ${found.message}`}`,
        position: found.position,
      },
    ];
  });
  const [first] = problems;
  if (first === undefined) return;
  const [name] = needed;
  throw composeError(
    first.position?.file ?? files[0] ?? "",
    problems,
    `write ${name}=… into .env beside ${basename(files[0] ?? "the Compose file")}, or say it once: ${name}=… create-stack import ${basename(files[0] ?? "")}`,
  );
}

/** A service's environment with its env files below it; a variable that only the caller's environment has is looked up there. */
export function readEnvironment(
  service: ReadService,
  { read, environment }: Pick<ImportRequest, "read" | "environment">,
  findings: Findings,
): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { path, required } of service.envFiles) {
    const text = read(path);
    if (text !== undefined) Object.assign(found, parseEnv(text, environment));
    else if (required)
      findings.notFixed.push({
        service: service.name,
        what: `its env_file ${path} is not there, so what stands in it is missing under env: and secrets:`,
      });
  }
  for (const [variable, value] of Object.entries(service.environment)) {
    const told = value ?? environment[variable];
    if (told !== undefined) found[variable] = told;
    else if (isSecret(variable, "unknown-value")) found[variable] = placeholder(variable);
    else
      findings.notFixed.push({
        service: service.name,
        what: `${variable} came from the environment of whoever started it, and has no value here`,
      });
  }
  return found;
}
