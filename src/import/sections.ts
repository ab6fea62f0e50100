import { isTakenOver } from "../components/service/kept.ts";
import { formatDuration } from "../support/units.ts";
import { limitsOf } from "./component-sections.ts";
import { isMap, type Raw } from "./compose-file.ts";
import { healthSection } from "./health.ts";
import { imageText } from "./image-text.ts";
import { usualMemory } from "./images.ts";
import { withoutUnset } from "./interpolate.ts";
import type { FoundMounts, FoundVolume } from "./mounts.ts";
import type { Findings, Part } from "./part.ts";
import { portOf, publishOf } from "./ports.ts";
import type { ReadService } from "./read-service.ts";
import { type FoundRoutes, routesOf } from "./routes.ts";
import { secretsInWords } from "./secrets-in.ts";

type Section = Record<string, unknown>;

/** What is known of a service by the time its section is written. */
export interface Ingredients {
  project: string;
  env: Record<string, string>;
  secrets: Record<string, string>;
  secretFiles: string[];
  uses: string[];
  mounts: FoundMounts;
  oneShot: boolean;
  migrate?: string[];
  /** Others reach it over a network of its own. */
  internal: boolean;
  /** Traefik holds ports 80 and 443. */
  hasEdge: boolean;
  /** Images that are built, by how: two services of one build share one. */
  built: Map<string, string>;
}

/** Why something that is built here cannot be an app; undefined: it can. */
export function whyNoApp(
  service: ReadService,
  mounts: FoundMounts,
  secretFiles: readonly string[],
): string | undefined {
  if (mounts.files.length > 0) return "it mounts configuration files";
  if (mounts.hostPaths.length > 0) return "it reads files of this server";
  if (secretFiles.length > 0) return `it reads ${secretFiles.map((name) => `/run/secrets/${name}`).join(", ")}`;
  const keys = keptKeys(service);
  if (keys.length > 0) return `it has ${keys.join(", ")}`;
  return service.workingDir === undefined ? undefined : "it has a working_dir";
}

/** Keys of the service that `compose:` takes over. */
function keptKeys(service: ReadService): string[] {
  return Object.keys(service.other).filter((key) => isTakenOver(key) && key !== "labels" && key !== "pull_policy");
}

/** Section of stack.yaml for an app of the user. */
export function appSection(part: Part, given: Ingredients, findings: Findings): Section {
  const { service } = part;
  const common = commonSection(part, given, findings);
  const { volumes, writable } = given.mounts;
  return {
    ...common,
    ...(given.migrate && { migrate: given.migrate }),
    ...(volumes.length > 0 && { volumes: volumes.map(volumeEntry) }),
    ...(writable.length > 0 && { writable }),
    ...limitsPart(part, findings),
    ...noteRoot(part, findings),
    ...(service.health === undefined && common.port !== undefined && noteHealth(part, findings)),
  };
}

/** Section of stack.yaml for a service that is kept as it is. */
export function serviceSection(part: Part, given: Ingredients, findings: Findings): Section {
  const { service } = part;
  const { volumes, files, hostPaths } = given.mounts;
  const kept = Object.fromEntries(keptKeys(service).map((key) => [key, clean(service.other[key])]));
  if (Object.keys(kept).length > 0) part.details.push(`taken over as written: ${Object.keys(kept).join(", ")}`);
  const lost = Object.keys(service.other).filter((key) => !isTakenOver(key) && key !== "deploy");
  if (lost.length > 0) findings.notFixed.push({ service: service.name, what: `${lost.join(", ")}: not taken over` });
  if (service.other.deploy !== undefined)
    findings.notFixed.push({
      service: service.name,
      what: "deploy.resources.reservations.devices: not taken over; gpus: all under compose: gives it the graphics cards",
    });
  const capabilities = capabilitiesFor(part, volumes.length > 0);
  const own = volumes.filter(({ of }) => of === undefined);
  if (own.length > 0)
    part.details.push(`its volumes are backed up while it stands still: ${own.map(({ path }) => path).join(", ")}`);
  const { workingDir } = service;
  return filled({
    ...commonSection(part, given, findings),
    secretFiles: given.secretFiles,
    workingDir: workingDir !== undefined && /^\/[A-Za-z0-9._~%+=@&?/-]*$/.test(workingDir) ? workingDir : undefined,
    volumes: volumes.map((volume) => ({ ...volumeEntry(volume), ...(volume.of === undefined && { backup: "stop" }) })),
    files,
    hostPaths,
    readOnlyRoot: keepsReadOnly(part, given.mounts, findings) || undefined,
    capabilities,
    internal: given.internal || undefined,
    oneShot: given.oneShot || undefined,
    ...limitsPart(part, findings),
    compose: kept,
  });
}

/** Where it is another one's, whether it may write to it matters; a volume of its own that it could not fill would stay empty. */
function volumeEntry({ name, path, of, readOnly }: FoundVolume): Section {
  return { name, path, ...(of !== undefined && { of }), ...(of !== undefined && readOnly && { readOnly }) };
}

function commonSection(part: Part, given: Ingredients, findings: Findings): Section {
  const { service } = part;
  const { routes, port } = routing(part, findings);
  const inside = given.oneShot || given.internal;
  const publish = publishOf(part, { hasRoutes: routes.length > 0, hasEdge: given.hasEdge, inside }, findings);
  noteCommand(part, findings);
  const isOne = publish.length > 0 || given.oneShot;
  const entrypoint = service.entrypoint?.map(withoutUnset);
  return filled({
    image: imageText(part, given.project, given.built, findings),
    port,
    routes,
    uses: given.uses,
    env: given.env,
    secrets: given.secrets,
    health: given.oneShot || typeof service.health !== "object" ? undefined : healthSection(service.health, port),
    command: service.command?.map(withoutUnset),
    entrypoint: entrypoint?.every((word) => word === "") ? undefined : entrypoint,
    user: userOf(service, findings),
    replicas: isOne || (service.replicas ?? 1) <= 1 ? undefined : Math.min(50, Math.round(service.replicas ?? 1)),
    publish,
    shm: service.shm === undefined ? undefined : `${Math.ceil(service.shm / 1024 ** 2)}m`,
    stopGrace: service.stopGrace ? formatDuration(service.stopGrace) : undefined,
  });
}

/** Without what is not there: undefined, an empty list, an empty map. */
function filled(section: Section): Section {
  return Object.fromEntries(
    Object.entries(section).filter(
      ([, value]) => value !== undefined && (typeof value !== "object" || Object.keys(value ?? {}).length > 0),
    ),
  );
}

function routing(part: Part, findings: Findings): { routes: FoundRoutes["routes"]; port: number | undefined } {
  const { service } = part;
  const found = routesOf(service.labels);
  const port = portOf(service, found.port);
  const lostLabels = Object.keys(service.labels).filter((label) => !label.startsWith("traefik."));
  if (found.lost.length > 0)
    findings.notFixed.push({ service: service.name, what: `of its routes is lost: ${found.lost.join(", ")}` });
  if (lostLabels.length > 0) part.details.push(`labels that are left out: ${lostLabels.join(", ")}`);
  const routes =
    port === undefined ? [] : [...new Map(found.routes.map((route) => [JSON.stringify(route), route])).values()];
  const shown = routes.map((route) => (typeof route === "string" ? route : `${route.host}${route.path}`));
  if (shown.length > 0) part.details.push(`routes: ${shown.join(", ")}`);
  if (port === undefined && found.routes.length > 0)
    findings.notFixed.push({
      service: service.name,
      what: `its routes are lost, because nothing says which port it listens on; write port: and routes: in stack.yaml`,
    });
  return { routes, port };
}

function noteCommand({ service }: Part, findings: Findings): void {
  const isOpen = [service.command, service.entrypoint].some((words) => words !== undefined && secretsInWords(words));
  if (!isOpen) return;
  const what =
    "a password stands in its command, and so in stack.yaml and in docker inspect; let the program read it from a variable under secrets:";
  findings.notFixed.push({ service: service.name, what });
}

function userOf(service: ReadService, findings: Findings): string | undefined {
  if (service.user === undefined || /^\d+(:\d+)?$/.test(service.user)) return service.user;
  const what = `user: ${withoutUnset(service.user)} is a name; write its number (docker run --rm IMAGE id) under user: in stack.yaml`;
  findings.notFixed.push({ service: service.name, what });
  return undefined;
}

function limitsPart(part: Part, findings: Findings): { limits?: Section } {
  const limits = limitsOf(part.service);
  const usual = part.service.build === undefined ? usualMemory(part.image.short) : undefined;
  if (limits?.memory === undefined)
    findings.fixed.push({
      service: part.service.name,
      was: "no memory limit",
      now: `${usual ?? "512m"}, a guess: look at ./prod.sh status after a day and set limits.memory`,
    });
  else part.details.push(`limit: memory ${String(limits.memory)}`);
  if (limits === undefined && usual === undefined) return {};
  return { limits: { ...(usual !== undefined && { memory: usual }), ...limits } };
}

function noteRoot(part: Part, findings: Findings): Section {
  if (part.service.readOnlyRoot) return {};
  findings.fixed.push({
    service: part.service.name,
    was: "may write anywhere in its container",
    now: "only to its volumes and /tmp; what it misses (its log says: Read-only file system) stands under writable: or needs writableRoot: true",
  });
  return {};
}

function noteHealth(part: Part, findings: Findings): Section {
  findings.fixed.push({
    service: part.service.name,
    was: "no health check",
    now: "whether its port listens is looked at; health: /path asks it more",
  });
  return {};
}

/** One that could not write to its root still cannot, where it needs nothing in memory beyond /tmp, which each has. */
function keepsReadOnly({ service }: Part, { writable }: FoundMounts, findings: Findings): boolean {
  if (!service.readOnlyRoot) return false;
  if (writable.length === 0) return true;
  const what = `read_only: true is not kept, because it has ${writable.join(", ")} in memory; where it can do without, write readOnlyRoot: true in stack.yaml`;
  findings.notFixed.push({ service: service.name, what });
  return false;
}

/** Images that begin as root hand their folders over and change the user; one that has a user from the start does not. */
function capabilitiesFor(part: Part, hasVolumes: boolean): string[] {
  const { service } = part;
  if (service.user !== undefined && /^[1-9]\d*(:|$)/.test(service.user)) return [];
  return hasVolumes || service.build === undefined ? ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"] : [];
}

function clean(value: unknown): unknown {
  if (typeof value === "string") return withoutUnset(value);
  if (Array.isArray(value)) return value.map(clean);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value as Raw).map(([key, item]) => [key, clean(item)]));
}
