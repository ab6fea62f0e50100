import { type RunOptions, type RunResult, run } from "../support/process.ts";

/** Runs `docker compose …` in a stack's directory; COMPOSE_FILE and the project name come from its .env. */
export interface Compose {
  run(args: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** The argument list of a Compose call, for printing and running alike. */
export function composeCommand(args: readonly string[]): string[] {
  return ["docker", "compose", ...args];
}

/**
 * The stack's own .env decides what Compose works on: a shell that was set up for another project must not lead it
 * elsewhere. `environment` goes to each call, such as the DOCKER_HOST of an engine that was found by looking.
 */
export function composeIn(directory: string, environment: Record<string, string> = {}): Compose {
  const own = { COMPOSE_FILE: undefined, COMPOSE_PROJECT_NAME: undefined, COMPOSE_PROFILES: undefined, ...environment };
  return {
    run: (args, options = {}) =>
      run(composeCommand(args), { ...options, env: { ...own, ...options.env }, cwd: directory }),
  };
}
