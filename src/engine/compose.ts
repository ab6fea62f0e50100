import { type RunOptions, type RunResult, run } from "../support/process.ts";

/** Runs `docker compose …` in a stack's directory; COMPOSE_FILE and the project name come from its .env. */
export interface Compose {
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** The argument list of a Compose call, for printing and running alike. */
export function composeCommand(args: readonly string[]): string[] {
  return ["docker", "compose", ...args];
}

export function composeIn(directory: string): Compose {
  return { run: (args, options = {}) => run(composeCommand(args), { ...options, cwd: directory }) };
}
