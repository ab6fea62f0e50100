import { basename, dirname, posix } from "node:path";
import { type Position, StackError } from "../support/errors.ts";
import { canonicalResources, canonicalService, resolvePath } from "./canonical.ts";
import { type ComposeProject, type ComposeSource, isMap, listOf, mapOf, type Raw, textOf } from "./compose-file.ts";
import { type ComposeText, composeError, readComposeText } from "./compose-text.ts";
import { parseEnv } from "./env-text.ts";
import { mergeMaps, withoutTags } from "./merge.ts";

const resources = ["volumes", "networks", "secrets", "configs"] as const;

/** What else may stand beside `services`. */
const otherKeys = ["services", "name", "version", "include", "models"];

/** Keys of `deploy:` that mean nothing on one server. */
const swarmKeys = ["placement", "update_config", "rollback_config", "endpoint_mode"];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads Compose files as Compose does: variables, anchors, `extends`, `include`, one file over the other, profiles. Throws
 * `compose-invalid` with each place, or `no-compose-file`. Variables without a value are left for the caller to judge.
 */
export function loadCompose(source: ComposeSource): ComposeProject {
  const [first = ""] = source.files;
  const folder = dirname(first);
  const loader = new Loader(source);
  const env = { ...loader.envOf(posix.join(folder, ".env"), source.environment), ...source.environment };
  const project = loader.readAll(source.files, env, folder);
  const name = textOf(project.top.name) ?? env.COMPOSE_PROJECT_NAME ?? basename(folder);
  const wanted = new Set([
    ...source.profiles,
    ...(env.COMPOSE_PROFILES ?? "").split(",").filter((each) => each !== ""),
  ]);
  return {
    name,
    folder,
    services: enabled(sectionOf(project.top, "services"), wanted),
    volumes: sectionOf(project.top, "volumes"),
    networks: sectionOf(project.top, "networks"),
    secrets: sectionOf(project.top, "secrets"),
    configs: sectionOf(project.top, "configs"),
    unset: loader.unset,
    places: loader.places,
    unknown: loader.unknown,
    swarm: loader.swarm,
  };
}

/** Services without a profile, those of wanted ones, and what they wait for. */
function enabled(services: Record<string, Raw>, wanted: ReadonlySet<string>): Record<string, Raw> {
  const isOn = (service: Raw) => {
    const profiles = listOf(service.profiles).map(String);
    return profiles.length === 0 || wanted.has("*") || profiles.some((profile) => wanted.has(profile));
  };
  return Object.fromEntries(Object.entries(services).filter(([, service]) => isOn(service)));
}

function sectionOf(top: Raw, key: string): Record<string, Raw> {
  return Object.fromEntries(Object.entries(mapOf(top[key])).map(([name, body]) => [name, mapOf(body)]));
}

class Loader {
  readonly unset: ComposeProject["unset"] = [];
  readonly places: Record<string, Position> = {};
  readonly unknown: ComposeProject["unknown"] = [];
  readonly swarm: ComposeProject["swarm"] = [];
  private readonly source: ComposeSource;
  private readonly texts = new Map<string, ComposeText>();

  constructor(source: ComposeSource) {
    this.source = source;
  }

  envOf(path: string, outer: Environment): Record<string, string> {
    const text = this.source.read(path);
    return text === undefined ? {} : parseEnv(text, outer);
  }

  /** Files one over the other, with what they include. */
  readAll(files: readonly string[], env: Environment, folder: string, trail: readonly string[] = []): { top: Raw } {
    let top: Raw = {};
    for (const file of files) {
      if (trail.includes(file))
        throw composeError(file, [
          {
            message: `${basename(file)} includes itself`,
            hint: "remove one include",
            position: { file, line: 1, column: 1 },
          },
        ]);
      const text = this.textOf(file, env);
      const included = this.included(text, dirname(file), env, [...trail, file]);
      top = mergeMaps(top, mergeMaps(included, this.canonical(text, file, folder, env)));
    }
    return { top: withoutTags(top) as Raw };
  }

  private textOf(file: string, env: Environment): ComposeText {
    const known = this.texts.get(file);
    if (known !== undefined) return known;
    const text = this.source.read(file);
    if (text === undefined) throw noFile(file);
    const read = readComposeText(text, file, (name) => env[name]);
    this.texts.set(file, read);
    this.unset.push(...read.unset);
    this.noteSwarm(read, file);
    const usual: readonly string[] = [...resources, ...otherKeys];
    for (const key of Object.keys(read.data))
      if (!usual.includes(key) && !key.startsWith("x-")) this.unknown.push({ file: basename(file), key });
    return read;
  }

  private canonical({ data, placeOf }: ComposeText, file: string, folder: string, env: Environment): Raw {
    const services: Raw = {};
    for (const [name, body] of Object.entries(mapOf(data.services))) {
      const position = placeOf(["services", name]) ?? { file, line: 1, column: 1 };
      if (body !== null && !isMap(body))
        throw composeError(file, [{ message: `services.${name}: expected a map with image: or build:`, position }]);
      this.places[name] ??= position;
      services[name] = this.extended(name, mapOf(body), file, folder, env, []);
    }
    const sections = resources.map((key) => [key, canonicalResources(data[key], folder)]);
    const name = data.name === undefined ? {} : { name: data.name };
    return { ...name, services, ...Object.fromEntries(sections) };
  }

  /** A service with what it extends below it. */
  private extended(
    name: string,
    service: Raw,
    file: string,
    folder: string,
    env: Environment,
    trail: readonly string[],
  ): Raw {
    const { extends: base, ...own } = service;
    const mine = canonicalService(own, folder);
    if (base === undefined) return mine;
    const target = isMap(base) ? base : { service: base };
    const wanted = textOf(target.service) ?? "";
    const other = textOf(target.file);
    const path = other === undefined ? file : resolvePath(dirname(file), other);
    const position = this.textOf(file, env).placeOf(["services", name, "extends"]) ?? this.places[name];
    const refuse = (message: string, hint: string) =>
      composeError(file, [{ message, hint, ...(position !== undefined && { position }) }]);
    if (trail.includes(`${path} ${wanted}`)) throw refuse(`services.${name} extends itself`, "remove one extends");
    if (this.source.read(path) === undefined)
      throw refuse(`services.${name} extends a service of ${other}, and there is no such file`, `put ${path} there`);
    const found = mapOf(this.textOf(path, env).data.services)[wanted];
    if (!isMap(found))
      throw refuse(
        `services.${name} extends ${wanted}, which is not in ${basename(path)}`,
        "name a service that is there",
      );
    const from = other === undefined ? folder : dirname(path);
    return mergeMaps(this.extended(wanted, found, path, from, env, [...trail, `${path} ${wanted}`]), mine);
  }

  private included({ data, placeOf }: ComposeText, folder: string, env: Environment, trail: readonly string[]): Raw {
    let top: Raw = {};
    listOf(data.include).forEach((entry, index) => {
      const map = isMap(entry) ? entry : { path: entry };
      const paths = listOf(map.path).map((path) => resolvePath(folder, textOf(path) ?? ""));
      const missing = paths.find((path) => this.source.read(path) === undefined);
      if (missing !== undefined)
        throw composeError(trail.at(-1) ?? "", [
          {
            message: `include ${index + 1}: there is no file ${missing}`,
            hint: "put it there, or remove the line",
            position: placeOf(["include"]) ?? { file: trail.at(-1) ?? "", line: 1, column: 1 },
          },
        ]);
      const [first = folder] = paths;
      const home = textOf(map.project_directory);
      const inside = home === undefined ? dirname(first) : resolvePath(folder, home);
      const envFiles =
        map.env_file === undefined
          ? [posix.join(inside, ".env")]
          : listOf(map.env_file).map((path) => resolvePath(folder, textOf(path) ?? ""));
      const more = Object.assign({}, ...envFiles.map((path) => this.envOf(path, env))) as Record<string, string>;
      top = mergeMaps(top, this.readAll(paths, { ...more, ...env }, inside, trail).top);
    });
    const { name: _, ...rest } = top;
    return rest;
  }

  private noteSwarm({ data, placeOf }: ComposeText, file: string): void {
    const start = { file, line: 1, column: 1 };
    for (const [name, service] of Object.entries(mapOf(data.services))) {
      const deploy = mapOf(mapOf(service).deploy);
      const found = swarmKeys.filter((key) => key in deploy);
      if (/^(global|replicated-job|global-job)$/.test(textOf(deploy.mode) ?? "")) found.push("mode");
      for (const key of found)
        this.swarm.push({
          key: `services.${name}.deploy.${key}`,
          position: placeOf(["services", name, "deploy", key]) ?? placeOf(["services", name]) ?? start,
        });
    }
    for (const section of ["secrets", "configs"] as const)
      for (const [name, body] of Object.entries(mapOf(data[section])))
        if (mapOf(body).external !== undefined && mapOf(body).external !== false)
          this.swarm.push({ key: `${section}.${name}.external`, position: placeOf([section, name]) ?? start });
  }
}

function noFile(file: string): StackError {
  return new StackError({
    code: "no-compose-file",
    exit: "invalidInput",
    message: `there is no file ${file}`,
    hint: "name the Compose file: create-stack import docker-compose.yml",
  });
}
