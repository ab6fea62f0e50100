import { createHash } from "node:crypto";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";
import { messageOf, StackError, systemCode } from "../support/errors.ts";
import { readIfExists } from "../support/files.ts";
import { type DockerClient, engineOn, openClient } from "./docker-engine.ts";
import type { Engine } from "./engine.ts";
import { failingOnBrokenAnswers, type Patience, withoutSilence } from "./silence.ts";

/** Where an engine may be listening, and who says so. */
export interface Endpoint {
  /** As DOCKER_HOST spells it: `unix:///var/run/docker.sock`, `tcp://127.0.0.1:2375`. */
  host: string;
  /** For the reader of an error: `DOCKER_HOST`, `docker context "desktop"`. */
  source: string;
}

/** Why one endpoint did not answer. */
export interface Refusal {
  endpoint: Endpoint;
  cause: "absent" | "silent" | "forbidden" | "unsupported";
  reason: string;
}

export interface Surroundings {
  env: Record<string, string | undefined>;
  home: string;
}

const answerTimeout = 5_000;
const systemSocket = "unix:///var/run/docker.sock";

interface ConnectOptions extends Partial<Surroundings> {
  /** Milliseconds that an engine has to say that it is there. */
  timeout?: number;
}

/**
 * Finds the engine: DOCKER_HOST, the docker command's current context, the system's socket, the rootless socket. The
 * first that answers wins. One that was chosen by name is never replaced by another: it might be another machine's.
 */
export async function connectEngine(options: ConnectOptions = {}): Promise<{ engine: Engine; endpoint: Endpoint }> {
  const surroundings: Surroundings = { env: options.env ?? process.env, home: options.home ?? homedir() };
  const refusals: Refusal[] = [];
  for (const endpoint of endpoints(surroundings)) {
    const outcome = await tryEndpoint(endpoint, surroundings, options.timeout ?? answerTimeout);
    if ("client" in outcome) return { engine: watched(outcome.client), endpoint };
    refusals.push(outcome);
  }
  throw unreachable(refusals);
}

/** The endpoints to try, in order. */
export function endpoints({ env, home }: Surroundings): Endpoint[] {
  if (env.DOCKER_HOST) return [{ host: env.DOCKER_HOST, source: "DOCKER_HOST" }];
  const chosen = currentContext({ env, home });
  if (chosen !== undefined) return [chosen];
  const runtime = env.XDG_RUNTIME_DIR ?? (process.getuid ? `/run/user/${process.getuid()}` : undefined);
  return [
    { host: systemSocket, source: "the system's socket" },
    ...(runtime === undefined
      ? []
      : [{ host: `unix://${join(runtime, "docker.sock")}`, source: "the rootless socket" }]),
    { host: `unix://${join(home, ".docker", "run", "docker.sock")}`, source: "Docker Desktop's socket" },
  ];
}

/** The context that the docker command would use, unless it is the default one. */
function currentContext({ env, home }: Surroundings): Endpoint | undefined {
  const folder = env.DOCKER_CONFIG ?? join(home, ".docker");
  const name = env.DOCKER_CONTEXT ?? stringAt(readJson(join(folder, "config.json")), "currentContext");
  if (name === undefined || name === "" || name === "default") return undefined;
  // The docker command files each context under the hash of its name.
  const id = createHash("sha256").update(name).digest("hex");
  const host = stringAt(readJson(join(folder, "contexts", "meta", id, "meta.json")), "Endpoints", "docker", "Host");
  return { host: host ?? "", source: `docker context "${name}"` };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readIfExists(path) ?? "null");
  } catch {
    return undefined;
  }
}

function stringAt(value: unknown, ...keys: string[]): string | undefined {
  let current = value;
  for (const key of keys) current = (current as Record<string, unknown> | null | undefined)?.[key];
  return typeof current === "string" ? current : undefined;
}

async function tryEndpoint(
  endpoint: Endpoint,
  surroundings: Surroundings,
  timeout: number,
): Promise<{ client: DockerClient } | Refusal> {
  try {
    const client = openClient(endpoint.host, surroundings.env);
    if (client === undefined) return { endpoint, cause: "unsupported", reason: unsupported(endpoint.host) };
    await answers(client, AbortSignal.timeout(timeout));
    return { client };
  } catch (error) {
    return refusal(endpoint, error, timeout);
  }
}

/** The engine of a client, whose calls end where it falls silent or breaks off. */
export function watched(client: DockerClient, patience?: Patience): Engine {
  const modem = client.modem as { agent?: HttpAgent; protocol?: string };
  modem.agent = failingOnBrokenAnswers(modem.protocol === "https" ? new HttpsAgent() : new HttpAgent());
  return withoutSilence(engineOn(client), (signal) => answers(client, signal), patience);
}

/** Asks for nothing but a sign of life; rejects with an AbortError when the signal says so. */
async function answers(client: DockerClient, abortSignal: AbortSignal): Promise<void> {
  // The library's types do not know that a ping can be given up.
  const pingable = client as unknown as { ping(options: { abortSignal: AbortSignal }): Promise<unknown> };
  await pingable.ping({ abortSignal });
}

function unsupported(host: string): string {
  return host === "" ? "the context does not exist" : `"${host}" is neither unix:// nor tcp://`;
}

function refusal(endpoint: Endpoint, error: unknown, timeout: number): Refusal {
  const code = systemCode(error);
  if (code === "EACCES" || code === "EPERM") return { endpoint, cause: "forbidden", reason: "permission denied" };
  if (code === "ENOENT") return { endpoint, cause: "absent", reason: "no such socket" };
  if (code === "ECONNREFUSED") return { endpoint, cause: "silent", reason: "nobody listens" };
  if (code === "ABORT_ERR") return { endpoint, cause: "silent", reason: `no answer within ${timeout / 1_000}s` };
  return { endpoint, cause: "silent", reason: messageOf(error) };
}

/** The error for "no engine answered", with what was tried. */
export function unreachable(refusals: readonly Refusal[]): StackError {
  const details = refusals.map(({ endpoint, reason }) => `${endpoint.host} (${endpoint.source}): ${reason}`);
  const forbidden = refusals.find(({ cause }) => cause === "forbidden");
  if (forbidden !== undefined) {
    return new StackError({
      code: "engine-forbidden",
      exit: "engineUnreachable",
      message: `No permission to talk to the Docker engine at ${forbidden.endpoint.host}`,
      hint: 'run the command with sudo, or add yourself to its group ("sudo usermod -aG docker $USER") and log in again',
      details,
    });
  }
  const chosen = refusals.length === 1 ? refusals[0] : undefined;
  return new StackError({
    code: "engine-unreachable",
    exit: "engineUnreachable",
    message:
      chosen === undefined
        ? "No Docker engine answers on this machine"
        : `The Docker engine at ${chosen.endpoint.host || "the chosen context"}, chosen by ${chosen.endpoint.source}, does not answer`,
    hint:
      chosen === undefined
        ? "start it with `sudo systemctl start docker`; where it is not installed: https://docs.docker.com/engine/install"
        : `start that engine, or choose another: ${chosen.endpoint.source === "DOCKER_HOST" ? "unset DOCKER_HOST" : "`docker context use default`"}`,
    details,
  });
}
