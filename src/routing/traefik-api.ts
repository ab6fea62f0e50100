import type { Engine } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import type { Router, TraefikService } from "./route-file.ts";

/** What Traefik serves by at this moment. Names carry their provider: `server@file`, `api@internal`. */
export interface LiveConfig {
  routers: Record<string, Router & { status: string; error?: string[] }>;
  services: Record<string, TraefikService>;
  /** Middlewares that an entry point puts in front of those of each of its routers. */
  entryPoints: Record<string, string[]>;
}

/** Traefik's own word on what it does. */
export interface TraefikApi {
  /** Rejects with a StackError when Traefik does not answer. */
  live(): Promise<LiveConfig>;
  /** What it lately wrote about files that it could not use, newest last. */
  complaints(): Promise<string[]>;
}

const answerTime = 10_000;

/** Asks from inside the container, because the API listens there alone. */
export function traefikApi(engine: Engine, container: string): TraefikApi {
  const ask = async (path: string): Promise<unknown> => {
    const command = ["wget", "-qO-", `http://127.0.0.1:8080/api/${path}`];
    const { exitCode, stdout, stderr } = await engine.exec(container, command, { timeout: answerTime });
    if (exitCode !== 0) throw silent(stderr.trim() || `wget ended with ${exitCode}`);
    return JSON.parse(stdout);
  };
  // Part of the settings that are read once, at Traefik's start.
  let entryPoints: LiveConfig["entryPoints"] | undefined;
  return {
    async live() {
      entryPoints ??= middlewaresOf((await ask("entrypoints")) as EntryPoint[]);
      const { routers = {}, services = {} } = (await ask("rawdata")) as Partial<LiveConfig>;
      return { routers, services, entryPoints };
    },
    complaints: async () => [...new Set((await engine.logTail(container, 200)).flatMap(complaint))].slice(-3),
  };
}

interface EntryPoint {
  name: string;
  http?: { middlewares?: string[] };
}

function middlewaresOf(entryPoints: readonly EntryPoint[]): LiveConfig["entryPoints"] {
  return Object.fromEntries(entryPoints.map(({ name, http }) => [name, http?.middlewares ?? []]));
}

function silent(reason: string): StackError {
  return new StackError({
    code: "traefik-silent",
    exit: "unhealthy",
    message: `Traefik's API does not answer: ${reason}`,
    hint: "./prod.sh status",
  });
}

/** The text of a log line of level error; others, the access log's among them, are none. */
function complaint(line: string): string[] {
  if (!line.includes('"level":"error"')) return [];
  try {
    const { error, message } = JSON.parse(line.slice(line.indexOf("{"))) as { error?: string; message?: string };
    return [[message, error].filter(Boolean).join(": ")];
  } catch {
    return [];
  }
}
