import { basename } from "node:path";
import type { Component } from "../components/component.ts";
import { name as nameField } from "../stack/fields.ts";
import { StackError } from "../support/errors.ts";
import { convertComponent } from "./component-sections.ts";
import type { ComposeProject, ComposeSource } from "./compose-file.ts";
import { componentMove, engineVolume, volumeMoves } from "./data-moves.ts";
import { type Neighbour, splitEnvironment } from "./environment.ts";
import { componentFor, imageOf, isDatabase } from "./images.ts";
import { loadCompose } from "./load.ts";
import { type FoundMounts, noMounts, sortMounts } from "./mounts.ts";
import { mentionsHost, nameFor } from "./names.ts";
import { offerOf } from "./offered.ts";
import { oldLogin } from "./old-login.ts";
import { type Findings, noFindings, type Part, type PathKind } from "./part.ts";
import { partsOf } from "./parts.ts";
import { refuseSwarm, refuseUnset } from "./placed-problems.ts";
import { type ReadService, readService } from "./read-service.ts";
import type { Became, Imported } from "./report.ts";
import { routesOf } from "./routes.ts";
import { secretFilesOf } from "./secret-files.ts";
import { appSection, type Ingredients, serviceSection, whyNoApp } from "./sections.ts";
import { shareVolumes } from "./shared-volumes.ts";
import { stackText } from "./stack-text.ts";
import { noteEverywhere, noteNetworks, noteUnsafe } from "./unsafe.ts";
import { Uses } from "./uses.ts";
import { withMountsOfOthers } from "./volumes-from.ts";

export interface ImportRequest extends ComposeSource {
  /** What a path of the host is. */
  kind(path: string): PathKind;
  components: readonly Component[];
  /** Services that are applications of the caller's, whatever they look like. */
  apps: readonly string[];
  /** Leave out what only Swarm reads, instead of refusing. */
  dropSwarm: boolean;
  /** Where the stack is going to be; undefined: a folder of its name. */
  folder?: string;
}

/**
 * What a Compose file becomes: the text of a stack.yaml, what is to be said about it, and the values that go into files
 * under secrets/. Reads through `request` alone and writes nothing. Throws `compose-invalid` with each place.
 */
export function importCompose(request: ImportRequest): Imported {
  const project = loadCompose(request);
  if (!request.dropSwarm) refuseSwarm(project);
  const services = withMountsOfOthers(Object.entries(project.services).map(([name, raw]) => readService(name, raw)));
  const kept = services.filter(
    ({ image, build }) => build !== undefined || componentFor(imageOf(image ?? "").short) === undefined,
  );
  refuseUnset(project, kept, request.files);
  const stack = stackName(project.name);
  return new Import(request, project, services, stack).result();
}

/** Never the name of the old project: Compose would take the old containers for the stack's own and replace them. */
function stackName(name: string): string {
  const key = nameFor(`${name}-stack`, new Set());
  return nameField("the stack's name").safeParse(key).success ? key : "stack";
}

class Import {
  private readonly request: ImportRequest;
  private readonly project: ComposeProject;
  private readonly stack: string;
  private readonly folder: string;
  private readonly parts: Part[];
  private readonly findings: Findings = noFindings();
  private readonly uses: Uses;
  private readonly built = new Map<string, string>();
  /** Migrations by the key of their app. */
  private readonly migrations = new Map<string, string[]>();

  constructor(request: ImportRequest, project: ComposeProject, services: readonly ReadService[], stack: string) {
    this.request = request;
    this.project = project;
    this.stack = stack;
    this.folder = request.folder ?? stack;
    const types = new Set(request.components.map(({ type }) => type));
    const choice = { types, apps: new Set(request.apps), project: stack.replace(/-stack$/, "") };
    this.parts = partsOf(services, choice, request, this.findings);
    this.uses = new Uses(this.parts);
  }

  result(): Imported {
    const { parts, findings } = this;
    for (const part of parts) if (part.role === "component") this.convert(part);
    this.findMigrations();
    const runs = parts.filter(({ role }) => role === "app" || role === "service");
    const near = new Map(runs.map((part) => [part.key, this.neighboursOf(part.key)]));
    const mounts = new Map(runs.map((part) => [part.key, this.mountsOf(part)]));
    shareVolumes(
      runs.map((part) => ({ part, mounts: mounts.get(part.key) ?? noMounts() })),
      this.volumesOfServers(),
      findings,
    );
    const servers = runs.filter(isServer);
    for (const part of runs)
      this.findUses(part, [...(near.get(part.key)?.values() ?? []), ...servers], mounts.get(part.key));
    this.noteMoves();
    for (const part of runs)
      this.writeSection(part, near.get(part.key) ?? new Map(), mounts.get(part.key) ?? noMounts());
    const there = parts.filter(isThere);
    for (const part of there) noteUnsafe(part, findings);
    noteEverywhere(there, findings);
    noteNetworks(there, this.project.networks, findings);
    for (const { file, key } of this.project.unknown)
      findings.notFixed.push({ service: file, what: `${key}: no key of a Compose file, not taken over` });
    const needsEdge = this.hasEdge() && !there.some(({ type }) => type === "traefik");
    if (needsEdge)
      findings.todo.push(
        "stop the proxy that holds ports 80 and 443 now; the stack brings Traefik (traefik: in stack.yaml)",
        "for certificates that browsers trust write traefik: { acme: { email: you@example.com } } in stack.yaml",
      );
    const files = this.request.files.map((file) => basename(file));
    if (there.length === 0) throw nothingThere(files, findings);
    const { secrets, ...found } = findings;
    return {
      name: this.stack,
      stackYaml: stackText(this.stack, there, files, needsEdge ? { traefik: {} } : {}),
      report: {
        ...found,
        understood: there.filter(({ type }) => type !== "service").map(becameOf),
        kept: there.filter(({ type }) => type === "service").map(becameOf),
      },
      secrets,
    };
  }

  private hasEdge(): boolean {
    return this.parts.some(
      (part) =>
        isThere(part) &&
        (part.type === "traefik" || (part.role !== "component" && routesOf(part.service.labels).routes.length > 0)),
    );
  }

  private mountsOf(part: Part): FoundMounts {
    return sortMounts(part, this.request, (name) => engineVolume(this.project, name), this.findings);
  }

  /** What servers that are components now had their files in, by the name at the engine or the folder of the host. */
  private volumesOfServers(): Map<string, Part> {
    const components = this.parts.filter(({ role }) => role === "component");
    return new Map(
      components.flatMap((part) =>
        part.service.mounts.flatMap(({ kind, source = "", readOnly }) => {
          if (readOnly || source === "" || (kind !== "volume" && kind !== "bind")) return [];
          return [[kind === "volume" ? engineVolume(this.project, source) : source, part] as const];
        }),
      ),
    );
  }

  private findMigrations(): void {
    const { uses } = this;
    for (const part of this.parts.filter(({ role }) => role === "app")) {
      const step = uses.migrationOf(part);
      if (step?.service.command === undefined) continue;
      this.migrations.set(part.key, step.service.command);
      uses.remove(step.key);
      step.role = "absorbed";
      this.findings.leftOut.push({
        service: step.service.name,
        why: `it is migrate: of ${part.key}; ./prod.sh migrate runs it`,
      });
    }
  }

  private convert(part: Part): void {
    const { section, details } = convertComponent(part, this.parts, this.findings);
    const component = this.request.components.find(({ type }) => type === part.type);
    const fits = component?.options.safeParse(section).success === true;
    part.section = fits ? section : {};
    part.details.push(...details);
    if (!fits)
      this.findings.notFixed.push({
        service: part.service.name,
        what: "its settings do not fit the component, which has its own defaults now",
      });
  }

  private noteMoves(): void {
    const components = this.parts.filter(({ role }) => role === "component");
    for (const part of components) {
      const alone = components.filter(({ type }) => type === part.type).length === 1;
      const users = this.parts.filter(({ key }) => this.uses.of(key).includes(part.key)).map(({ key }) => key);
      this.findings.data.push(...componentMove(part, this.project, this.folder, { users, alone }));
    }
  }

  /** The servers of the stack as this app would find them, by key. */
  private neighboursOf(app: string): Map<string, Neighbour> {
    return new Map(
      this.parts.flatMap((part) => {
        const component = this.request.components.find(({ type }) => type === part.type);
        if (part.role !== "component" || component === undefined) return [];
        const offer = offerOf(component, part.section, part.key, app);
        if (offer === undefined) return [];
        const login = oldLogin(this.loginEnvironment(part), part.service.command ?? []);
        return [[part.key, { key: part.key, hosts: part.hosts, login, offer }] as const];
      }),
    );
  }

  /** With passwords that stood in files. */
  private loginEnvironment(part: Part): Record<string, string> {
    const files = Object.entries(part.environment).flatMap(([variable, path]) => {
      const source = /^\/run\/secrets\/(.+)$/.exec(path)?.[1];
      const text = source === undefined ? undefined : this.textOfSecret(source);
      return text === undefined ? [] : [[variable.replace(/_FILE$/, ""), text] as const];
    });
    return { ...part.environment, ...Object.fromEntries(files) };
  }

  private textOfSecret(source: string): string | undefined {
    const file = this.project.secrets[source]?.file;
    return typeof file === "string" ? this.request.read(file)?.trim() : undefined;
  }

  /** What the environment, the command and the mounted files say of other servers, beyond `depends_on`. */
  private findUses(part: Part, servers: readonly { key: string; hosts: string[] }[], mounts?: FoundMounts): void {
    const { command = [], entrypoint = [] } = part.service;
    const texts = [...Object.values(part.environment), ...command, ...entrypoint];
    const files = mounts?.files.map(({ content }) => content) ?? [];
    for (const { key, hosts } of servers) {
      const inText = hosts.some((host) =>
        [...texts, ...files].some((text) => text !== host && mentionsHost(text, host)),
      );
      const asHost = Object.entries(part.environment).some(
        ([variable, text]) => hosts.includes(text) && /HOST|SERVER|ADDR|URL|ENDPOINT|NODES|BROKER/i.test(variable),
      );
      if (inText || asHost) this.uses.add(part.key, key);
    }
  }

  private writeSection(part: Part, all: ReadonlyMap<string, Neighbour>, mounts: FoundMounts): void {
    const { service } = part;
    const { findings } = this;
    const uses = this.uses.of(part.key);
    const near = uses.flatMap((key) => all.get(key) ?? []);
    const renamed = new Map(
      this.parts.flatMap(({ hosts, key }) => hosts.filter((host) => host !== key).map((host) => [host, key] as const)),
    );
    const split = splitEnvironment(part, near, renamed, findings);
    const textOfSecret = (source: string) => this.textOfSecret(source);
    const secretFiles = secretFilesOf(part, this.project, near, textOfSecret, mounts, this.request, findings);
    const oneShot = this.uses.endsByItself(service.name);
    const migrate = this.migrations.get(part.key);
    const given: Ingredients = {
      project: this.stack.replace(/-stack$/, ""),
      ...split,
      secretFiles,
      uses,
      mounts,
      oneShot,
      hasEdge: this.hasEdge(),
      built: this.built,
      internal: isServer(part) && this.uses.isUsed(part.key) && uses.length === 0,
      ...(migrate && { migrate }),
    };
    const why = whyService(part, oneShot, whyNoApp(service, mounts, secretFiles));
    part.type = why === undefined ? "app" : "service";
    if (why !== undefined) part.details.unshift(why);
    part.section = why === undefined ? appSection(part, given, findings) : serviceSection(part, given, findings);
    for (const { key, offer } of near)
      part.details.push(`uses ${key}: gets ${Object.keys(offer.variables).slice(0, 3).join(", ")} …`);
    findings.data.push(...volumeMoves(part, this.stack, mounts.volumes, this.folder));
    if (migrate) part.details.push(`migrate: ${migrate.join(" ")}`);
  }
}

function isThere({ role }: Part): boolean {
  return role !== "absorbed" && role !== "left-out";
}

/** A database that is kept as it is. */
function isServer({ role, image }: Part): boolean {
  return role === "service" && isDatabase(image.short);
}

/** Why it is kept as `type: service`; undefined: it becomes an app. */
function whyService({ role, image, service }: Part, oneShot: boolean, noApp: string | undefined): string | undefined {
  if (role === "app") {
    const why = oneShot ? "it ends by itself" : noApp;
    return why === undefined ? undefined : `no type: app, because ${why}`;
  }
  if (isDatabase(image.short)) return `${image.short} is a server without a component`;
  if (/^(nginx|nginxinc\/nginx-unprivileged)$/.test(image.short))
    return "it keeps its own configuration; type: nginx writes one, for static files and as a load balancer";
  if (service.build !== undefined) return "it is kept as it is";
  return `${image.short} is not in the catalogue; if it is an application of yours: --app ${service.name}`;
}

function nothingThere(files: readonly string[], { leftOut }: Findings): StackError {
  return new StackError({
    code: "nothing-to-import",
    exit: "invalidInput",
    message: `nothing of ${files.join(", ")} can be taken over`,
    details: leftOut.map(({ service, why }) => `${service}: ${why}`),
    hint: "services of a profile come along with --profile NAME; a new stack begins with: create-stack create",
  });
}

function becameOf({ service, key, type, details }: Part): Became {
  return { service: service.name, key, type, details };
}
