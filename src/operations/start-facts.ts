import type { EngineInfo, ObservedStack, TakenPort } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import type { Dependency, Healthcheck, ServiceClass } from "../stack/service.ts";
import { StackError, systemCode } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import type { Context } from "./context.ts";
import { redactorFor } from "./secret-values.ts";
import { isAtLeast, leastCompose } from "./start-versions.ts";

/** A service that the Compose files ask for, with what the model knows of it. */
export interface WantedService {
  name: string;
  /** Key in stack.yaml; undefined for one that compose.override.yaml adds. */
  component?: string;
  class: Exclude<ServiceClass, "job">;
  image: string;
  replicas: number;
  dependsOn: Dependency[];
  healthcheck?: Healthcheck;
  /** Compose's hash of its configuration; a container with another one is out of date. Empty: there are no containers. */
  hash: string;
}

export interface ImageFact {
  id: string;
  architecture: string;
}

/** Everything that a start looks at before it decides. */
export interface StartFacts {
  info: EngineInfo;
  /** Undefined: there is no `docker compose`. */
  composeVersion?: string;
  wanted: WantedService[];
  observed: ObservedStack;
  /** By reference; undefined where the engine does not have the image. */
  images: Map<string, ImageFact | undefined>;
  takenPorts: TakenPort[];
}

/** What `docker compose config` says of a service, as far as it matters here. */
interface ComposedService {
  image?: string;
  scale?: number;
  deploy?: { replicas?: number };
  depends_on?: Record<string, { condition: Dependency["condition"] }>;
}

/** Looks at the engine and the stack's Compose files; changes nothing. */
export async function gatherFacts(context: Context): Promise<StartFacts> {
  const { engine, model } = context;
  // Begun together: each call of Compose takes as long as all that is asked of the engine.
  const config = readConfig(context);
  config.catch(() => {});
  const [info, composeVersion, observed, takenPorts] = await Promise.all([
    engine.info(),
    readComposeVersion(context),
    engine.observe(model.name),
    engine.takenPorts(),
  ]);
  // A Compose that is missing or too old is told as such, not as what it makes of the files.
  const usable = composeVersion !== undefined && isAtLeast(composeVersion, leastCompose);
  const wanted = usable ? await wantedServices(context, await config, observed.containers.length > 0) : [];
  const references = [...new Set(wanted.map(({ image }) => image))];
  const found = await Promise.all(references.map((reference) => engine.image(reference)));
  const images = new Map(references.map((reference, index) => [reference, found[index]]));
  return { info, ...(composeVersion !== undefined && { composeVersion }), wanted, observed, images, takenPorts };
}

async function readComposeVersion({ compose, signal }: Context): Promise<string | undefined> {
  try {
    const { code, stdout } = await compose.run(["version", "--short"], { signal });
    return code === 0 ? stdout.trim() : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The services of the Compose files as they are on disk now, the user's override included. Jobs are not among them. */
export async function readWanted(context: Context): Promise<WantedService[]> {
  return wantedServices(context, await readConfig(context), true);
}

/** The Compose files as Compose reads them: joined, with every variable and env file filled in. Holds secrets. */
function readConfig(context: Context): Promise<string> {
  return composeConfig(context, ["config", "--format", "json"]);
}

async function wantedServices(context: Context, config: string, hashed: boolean): Promise<WantedService[]> {
  // Of the resolved files, because of those with an `env_file` Compose tells another hash than it puts on the container.
  const listed = hashed ? await composeConfig(context, ["--file", "-", "config", "--hash", "*"], config) : "";
  const hashes = new Map(listed.split("\n").map((line) => line.split(/\s+/) as [string, string]));
  const composed = (JSON.parse(config) as { services?: Record<string, ComposedService> }).services ?? {};
  const known = new Map(context.model.services.map((service) => [service.name, service]));
  return Object.entries(composed)
    .filter(([name]) => known.get(name)?.class !== "job")
    .map(([name, service]) => wantedService(name, hashes.get(name) ?? "", known.get(name), service))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function wantedService(
  name: string,
  hash: string,
  service: StackModel["services"][number] | undefined,
  composed: ComposedService,
): WantedService {
  const dependsOn = Object.entries(composed.depends_on ?? {}).map(([to, { condition }]) => ({
    service: to,
    condition,
  }));
  return {
    name,
    hash,
    class: service?.class === "one-shot" ? "one-shot" : "long-running",
    image: composed.image ?? service?.image ?? "",
    replicas: composed.scale ?? composed.deploy?.replicas ?? 1,
    dependsOn,
    ...(service !== undefined && { component: service.component }),
    ...(service?.healthcheck !== undefined && { healthcheck: service.healthcheck }),
  };
}

async function composeConfig(context: Context, args: readonly string[], input?: string): Promise<string> {
  const options = { signal: context.signal, ...(input !== undefined && { input }) };
  const { code, stdout, stderr } = await context.compose.run(args, options);
  if (code === 0) return stdout;
  context.signal.throwIfAborted();
  const lines = redactorFor(context.directory, context.model)(stderr).trim().split("\n");
  throw new StackError({
    code: "compose-invalid",
    exit: "invalidInput",
    message: `docker compose does not accept the stack's files: ${lines.at(-1) ?? ""}`,
    hint: "look at compose.override.yaml and .env, then `./prod.sh generate`",
    details: lines.slice(0, -1),
  });
}

/** The named services and everything they depend on; all of them where none is named. */
export function chosenServices(wanted: readonly WantedService[], names: readonly string[] = []): WantedService[] {
  const byName = new Map(wanted.map((service) => [service.name, service]));
  const chosen = new Set<string>();
  const add = (name: string) => {
    if (chosen.has(name)) return;
    chosen.add(name);
    for (const { service } of byName.get(name)?.dependsOn ?? []) add(service);
  };
  refuseUnknown(names, [...byName.keys()]);
  for (const name of names.length === 0 ? byName.keys() : names) add(name);
  return wanted.filter(({ name }) => chosen.has(name));
}

/** Throws for names that are no services of the stack. */
export function refuseUnknown(names: readonly string[], known: readonly string[]): void {
  for (const name of names) {
    if (known.includes(name)) continue;
    throw new StackError({
      code: "unknown-service",
      exit: "invalidInput",
      message: `There is no service "${name}" in this stack`,
      hint: didYouMean(name, known),
    });
  }
}
