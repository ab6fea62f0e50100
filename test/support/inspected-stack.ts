import { parse } from "yaml";
import { renderModel } from "../../src/generator/render.ts";
import { routeFiles } from "../../src/routing/route-file.ts";
import type { StackModel } from "../../src/stack/model.ts";
import type { HardeningRule } from "../../src/stack/service.ts";
import { catalogue, modelOf } from "./catalogue.ts";

/** A mount of a Compose service in its long form. */
export interface ReadMount {
  type: string;
  source: string;
  target: string;
  read_only?: boolean;
  bind?: { create_host_path?: boolean; propagation?: string };
}

/** A service as Compose would read it: files joined, `<<` filled in, tags of .env in place. */
export interface ReadService {
  image: string;
  user?: string;
  restart?: string;
  read_only?: boolean;
  cap_drop?: string[];
  cap_add?: string[];
  security_opt?: string[];
  networks?: string[];
  network_mode?: string;
  ports?: string[];
  volumes?: ReadMount[];
  tmpfs?: string[];
  secrets?: string[];
  environment?: Record<string, string>;
  env_file?: { path: string; format?: string }[];
  command?: string[];
  entrypoint?: string[];
  healthcheck?: { test: string[]; disable?: boolean };
  depends_on?: Record<string, { condition: string }>;
  deploy?: { replicas?: number; resources?: { limits?: { cpus?: string; memory?: string; pids?: number } } };
  logging?: { driver?: string; options?: Record<string, string> };
  ulimits?: { nofile?: { soft: number; hard: number } };
  stop_grace_period?: string;
  profiles?: string[];
  [key: string]: unknown;
}

/** Everything that the rules look at, as plain data that a test can clone and break. */
export interface InspectedStack {
  model: StackModel;
  services: Record<string, ReadService>;
  networks: Record<string, { internal?: boolean } | null>;
  volumes: Record<string, unknown>;
  secrets: Record<string, Record<string, unknown>>;
  /** Other keys at the top of a Compose file: `configs`, `version`. */
  otherKeys: string[];
  /** Names that more than one file defines. */
  definedTwice: string[];
  /** Every generated file by its path. */
  files: Record<string, string>;
  /** Ports that stack.yaml asks for: `server 2525/tcp`. */
  askedPorts: string[];
}

interface ReadFile {
  services?: Record<string, ReadService>;
  networks?: InspectedStack["networks"];
  volumes?: InspectedStack["volumes"];
  secrets?: InspectedStack["secrets"];
}

const sections = ["services", "networks", "volumes", "secrets"] as const;
const ownKeys = [...sections, "name", "x-hardened"];

/** Renders a stack.yaml and reads the Compose files back. */
export function inspectStack(stackYaml: string): InspectedStack {
  const model = modelOf(stackYaml);
  // Without the schema and prod.sh, which are the same for every stack.
  const files = [...renderModel(model, catalogue.templates), ...routeFiles(model.routes)];
  const byPath = Object.fromEntries(files.map((file) => [file.path, file.content]));
  const stack: InspectedStack = {
    model,
    services: {},
    networks: {},
    volumes: {},
    secrets: {},
    otherKeys: [],
    definedTwice: [],
    files: byPath,
    askedPorts: askedPorts(stackYaml),
  };
  const env = readEnv(byPath[".env"] ?? "");
  for (const path of (env.COMPOSE_FILE ?? "").split(":")) addFile(stack, fillIn(byPath[path] ?? "", env));
  return stack;
}

function addFile(stack: InspectedStack, text: string): void {
  const file = parse(text, { merge: true }) as ReadFile & Record<string, unknown>;
  for (const section of sections) {
    for (const [name, value] of Object.entries(file[section] ?? {})) {
      if (name in stack[section]) stack.definedTwice.push(`${section} ${name}`);
      (stack[section] as Record<string, unknown>)[name] = value;
    }
  }
  stack.otherKeys.push(...Object.keys(file).filter((key) => !ownKeys.includes(key)));
}

function readEnv(text: string): Record<string, string> {
  const lines = text.split("\n").filter((line) => /^\w+=/.test(line));
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** Compose's `${NAME:?message}` from .env; `$$` stays as it is written. */
function fillIn(text: string, env: Record<string, string>): string {
  return text.replace(/\$\$|\$\{(\w+)(?::\?[^}]*)?\}/g, (whole, name?: string) =>
    name === undefined ? whole : (env[name] ?? ""),
  );
}

interface AskingComponents {
  components: Record<string, { publish?: { port: number; protocol?: string }[] } | null>;
}

function askedPorts(stackYaml: string): string[] {
  const { components } = parse(stackYaml, { merge: true, logLevel: "error" }) as AskingComponents;
  return Object.entries(components).flatMap(([key, section]) =>
    (section?.publish ?? []).map(({ port, protocol = "tcp" }) => `${key} ${port}/${protocol}`),
  );
}

/** True where the service itself says, with a reason, why a rule does not hold for it. */
/** True for a folder that the model makes for containers to write to: below backups/, never where configuration or secrets are. */
export function isMadeFolder({ model }: InspectedStack, source: string): boolean {
  return model.folders.some(({ path }) => source === `./${path}` && /^backups\/spool\/[a-z0-9-]+$/.test(path));
}

/** A folder of the stack's directory that the model makes for a container to read: metrics, rules of the user's own. */
export function isReadFolder({ model }: InspectedStack, { source, read_only }: ReadMount): boolean {
  return read_only === true && model.folders.some(({ path, mode }) => source === `./${path}` && mode === 0o755);
}

export function isExcused(stack: InspectedStack, service: string, rule: HardeningRule): boolean {
  const exceptions = stack.model.services.find((candidate) => candidate.name === service)?.exceptions ?? [];
  return exceptions.some((exception) => exception.rule === rule && exception.reason.trim().length >= 10);
}
