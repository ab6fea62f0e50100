import type {
  Component,
  ComponentUse,
  Contribution,
  ContributionOf,
  OptionPath,
  ServiceNeeds,
  Use,
  UsedBy,
} from "../components/component.ts";
import type { ComponentConfig, StackConfig } from "../stack/config.ts";
import { usualEnvironment } from "../stack/environments.ts";
import type { ExternalBucket, Network, SecretFile, StackModel } from "../stack/model.ts";
import { metricsFolder, usualThresholds } from "../stack/monitoring.ts";
import type { Service } from "../stack/service.ts";
import { configError } from "../stack/source.ts";
import type { Problem } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import { backupSecrets } from "./backup-secrets.ts";
import { harden } from "./harden.ts";
import { notifySecrets } from "./notify-secrets.ts";
import { assertConsistent, crossCheck, type FoundProblem } from "./rules.ts";
import { fillTemplate, type TemplateSource } from "./templates.ts";

/** What the generator needs besides the configuration. */
export interface Catalogue {
  components: readonly Component[];
  templates: TemplateSource;
}

interface Placed {
  config: ComponentConfig;
  component: Component;
  uses: Use[];
}

/**
 * Builds the full desired state from a validated stack.yaml. Pure. Reports everything that is wrong between components
 * at once, with places in stack.yaml, as a StackError.
 */
export function buildModel(config: StackConfig, catalogue: Catalogue, file = "stack.yaml"): StackModel {
  const placed = config.components.map((entry) => place(entry, catalogue));
  const problems: FoundProblem[] = checkUses(
    placed,
    catalogue.components.map((component) => component.type).filter((type) => type !== "app"),
    config,
  );
  const contributions = problems.length > 0 ? [] : contributeAll(config, placed, catalogue);
  for (const { key, contribution } of contributions) {
    for (const { path, component = key, ...problem } of contribution.problems ?? [])
      problems.push({ ...problem, path: ["components", component, ...path] });
  }
  if (problems.length === 0) problems.push(...checkGiven(placed, contributions));
  const model = assemble(config, contributions);
  problems.push(...crossCheck(model, contributions));
  if (problems.length > 0) throw configError(file, locateAll(problems, config));
  assertConsistent(model);
  return model;
}

function place(config: ComponentConfig, catalogue: Catalogue): Placed {
  const component = catalogue.components.find((candidate) => candidate.type === config.type);
  if (component === undefined) throw new Error(`no component of type ${config.type} in the catalogue`);
  return { config, component, uses: component.uses?.(config.options) ?? [] };
}

function checkUses(placed: readonly Placed[], types: readonly string[], stack: StackConfig): FoundProblem[] {
  const keys = placed.map((entry) => entry.config.key);
  const problems: FoundProblem[] = [];
  for (const { config, uses } of placed) {
    uses.forEach((use, index) => {
      const path = ["components", config.key, ...use.path];
      const twice = uses.findIndex((other) => other.component === use.component && other.part === use.part) < index;
      if (use.component === config.key)
        problems.push({ path, message: `${config.key} uses itself`, hint: "remove it from uses" });
      else if (!keys.includes(use.component))
        problems.push({ path, ...notThere(config.key, use.component, types, stack) });
      else if (twice)
        problems.push({ path, message: `${config.key} uses ${use.component} twice`, hint: "keep one of them" });
    });
  }
  return problems.length > 0 ? problems : findCycle(placed);
}

function notThere(
  key: string,
  used: string,
  types: readonly string[],
  { environment, removed, components }: StackConfig,
): Pick<FoundProblem, "message" | "hint"> {
  if (removed?.includes(used))
    return {
      message: `${key} uses "${used}", which ${environment} takes away`,
      hint: `give ${key} another uses: list under environments: ${environment}: components:`,
    };
  const others = components.map((component) => component.key).filter((other) => other !== key);
  return {
    message: `${key} uses "${used}", which is not in this stack`,
    hint: types.includes(used) ? `add ${used}: {} under components` : didYouMean(used, [...others, ...types]),
  };
}

/** A use that gives nothing is a mistake: a proxy, or a worker without a port. */
function checkGiven(placed: readonly Placed[], contributions: readonly ContributionOf[]): FoundProblem[] {
  const given = new Set(
    contributions.flatMap(({ contribution }) =>
      (contribution.connections ?? []).map(({ app, from }) => `${app} ${from}`),
    ),
  );
  return placed.flatMap(({ config, uses }) =>
    uses
      .filter((use) => !given.has(`${config.key} ${use.component}`))
      .map((use) => ({
        path: ["components", config.key, ...use.path],
        message: `${config.key} uses ${use.component}, which offers nothing to connect to`,
        hint: "remove it from uses, or give it a port: if it is an app",
      })),
  );
}

/** A cycle of `uses` could never start: each would wait for the other. */
function findCycle(placed: readonly Placed[]): FoundProblem[] {
  const done = new Set<string>();
  const visit = (key: string, trail: string[]): FoundProblem | undefined => {
    if (trail.includes(key)) {
      const cycle = [...trail.slice(trail.indexOf(key)), key].join(" -> ");
      return {
        path: ["components", key, "uses"],
        message: `these components wait for each other: ${cycle}`,
        hint: "remove one of the uses",
      };
    }
    if (done.has(key)) return undefined;
    for (const use of placed.find((entry) => entry.config.key === key)?.uses ?? []) {
      const found = visit(use.component, [...trail, key]);
      if (found) return found;
    }
    done.add(key);
    return undefined;
  };
  for (const { config } of placed) {
    const found = visit(config.key, []);
    if (found) return [found];
  }
  return [];
}

/** Who uses each component, in the order of stack.yaml. */
function usersByComponent(placed: readonly Placed[]): Map<string, UsedBy[]> {
  const types = new Map(placed.map(({ config, component }) => [config.key, component.namesLike ?? config.type]));
  const users = new Map<string, UsedBy[]>(placed.map(({ config }) => [config.key, []]));
  for (const { config, uses } of placed) {
    const firstOfType = new Map<string | undefined, string>();
    for (const { component, part } of uses) {
      const type = types.get(component);
      const first = firstOfType.get(type) ?? component;
      firstOfType.set(type, first);
      users.get(component)?.push({
        key: config.key,
        ...(part !== undefined && { part }),
        ...(first !== component && { further: true }),
      });
    }
  }
  return users;
}

function contributeAll(config: StackConfig, placed: readonly Placed[], catalogue: Catalogue): ContributionOf[] {
  const users = usersByComponent(placed);
  const monitor = placed.find(({ component }) => component.monitors === true);
  const useOf = (key: string): ComponentUse => ({
    stack: config.name,
    environment: config.environment ?? usualEnvironment,
    key,
    usedBy: users.get(key) ?? [],
    monitored: monitor !== undefined,
    notify: config.notify,
    thresholds: monitor?.component.thresholds?.(monitor.config.options) ?? usualThresholds,
    template: (path, values) => fillTemplate(catalogue.templates, path, values),
  });
  const first = placed.map(({ config, component }) => ({
    key: config.key,
    type: config.type,
    options: config.options,
    contribution: component.contribute(config.options, useOf(config.key)),
  }));
  const collect = (before: readonly ContributionOf[], whose: (component: Component) => boolean) =>
    before.map((entry, index) => {
      const component = placed[index]?.component;
      const collected =
        component && whose(component) ? component.collect?.(entry.options, useOf(entry.key), before) : undefined;
      return collected === undefined ? entry : { ...entry, contribution: join(entry.contribution, collected) };
    });
  return collect(
    collect(first, (component) => component.monitors !== true),
    (component) => component.monitors === true,
  );
}

/**
 * Two contributions of one component as one. A service that stands in both is the same service with more: lists are
 * joined, and what the second says of a single value wins.
 */
function join(first: Contribution, second: Contribution): Contribution {
  const merged: Record<string, unknown[]> = {};
  for (const contribution of [first, second]) {
    for (const [part, values] of Object.entries(contribution))
      merged[part] = [...(merged[part] ?? []), ...(values as unknown[])];
  }
  const services = new Map<string, ServiceNeeds>();
  for (const service of [...(first.services ?? []), ...(second.services ?? [])]) {
    const known = services.get(service.name);
    services.set(service.name, known === undefined ? service : joinService(known, service));
  }
  return { ...merged, services: [...services.values()] } as Contribution;
}

function joinService(known: ServiceNeeds, more: ServiceNeeds): ServiceNeeds {
  const joined: Record<string, unknown> = { ...known };
  for (const [field, value] of Object.entries(more)) {
    const before = joined[field];
    if (Array.isArray(before) && Array.isArray(value) && field !== "command" && field !== "entrypoint")
      joined[field] = [...before, ...value];
    else if (field === "environment") joined[field] = { ...(before as object), ...(value as object) };
    else joined[field] = value;
  }
  return joined as unknown as ServiceNeeds;
}

/** The image that archives volumes: one of the stack's own where it can, so that nothing more is pulled. */
const usualToolbox = "postgres:18.6-trixie";

/** Debian's Postgres images carry GNU tar and zstd; other images of the catalogue lack one of them. */
function toolboxOf(services: readonly Service[]): string {
  const mine = services.find(
    ({ image, class: kind }) => kind === "long-running" && /^postgres:.*(trixie|bookworm)/.test(image),
  );
  return mine?.image ?? usualToolbox;
}

function assemble(
  { name, environment, backup, notify }: StackConfig,
  contributions: readonly ContributionOf[],
): StackModel {
  const gather = <Item>(
    part: (contribution: Contribution) => readonly Item[] | undefined,
  ): (Item & { component: string })[] =>
    contributions.flatMap(({ key, contribution }) =>
      (part(contribution) ?? []).map((item) => ({ ...item, component: key })),
    );
  const files = contributions.flatMap(({ contribution }) => contribution.files ?? []);
  const services = contributions.flatMap(({ key, contribution }) =>
    (contribution.services ?? []).map((needs) => harden(key, needs, files)),
  );
  const [monitoring] = gather((contribution) => contribution.monitoring);
  const notes = contributions.flatMap(({ contribution }) => contribution.runbook ?? []);
  const alertsOff = contributions.flatMap(({ contribution }) => contribution.alertsOff ?? []);
  return {
    format: 1,
    source: "",
    name,
    ...(environment !== undefined && { environment }),
    services,
    volumes: gather((contribution) => contribution.volumes),
    networks: usedNetworks(contributions, services),
    secrets: uniqueSecrets(
      contributions.flatMap(({ contribution }) => contribution.secrets ?? []),
      [...backupSecrets(backup), ...notifySecrets(notify)],
    ),
    files,
    folders: contributions.flatMap(({ contribution }) => contribution.folders ?? []),
    probes: contributions.flatMap(({ contribution }) => contribution.probes ?? []),
    routes: contributions.flatMap(({ contribution }) => contribution.routes ?? []),
    migrations: contributions.flatMap(({ contribution }) => contribution.migrations ?? []),
    jobs: contributions.flatMap(({ contribution }) => contribution.jobs ?? []),
    shortcuts: gather((contribution) => contribution.shortcuts),
    inspections: gather((contribution) => contribution.inspections),
    ...externalBuckets(gather((contribution) => contribution.externalBuckets)),
    actions: gather((contribution) => contribution.actions),
    ...(notes.length > 0 && { notes }),
    hostNeeds: gather((contribution) => contribution.hostNeeds),
    dataSources: gather((contribution) => contribution.dataSources),
    unprotected: gather((contribution) => contribution.unprotected),
    backup: {
      ...backup,
      report: { ...(monitoring && { textfile: metricsFolder }), ...backup.report },
      toolbox: toolboxOf(services),
    },
    notify,
    ...(monitoring && { monitoring }),
    scrapes: gather((contribution) => contribution.scrapes),
    alerts: gather((contribution) => contribution.alertRules).filter(({ name }) => !alertsOff.includes(name)),
    consoles: gather((contribution) => contribution.consoles),
  };
}

function usedNetworks(contributions: readonly ContributionOf[], services: readonly Service[]): Network[] {
  const used = new Set(services.flatMap((service) => service.networks));
  return uniqueByName(contributions.flatMap(({ contribution }) => contribution.networks ?? [])).filter((network) =>
    used.has(network.name),
  );
}

/** An app may name a secret that the stack makes; it is made all the same. What services need is not for the supervisor alone. */
function uniqueSecrets(files: readonly SecretFile[], forSupervisor: readonly SecretFile[]): SecretFile[] {
  const needed = uniqueByName([
    ...files.filter((file) => file.kind === "supplied"),
    ...files.filter((file) => file.kind !== "supplied"),
  ]);
  const names = new Set(needed.map(({ name }) => name));
  return [...needed, ...uniqueByName(forSupervisor).filter(({ name }) => !names.has(name))];
}

function uniqueByName<Item extends { name: string }>(items: readonly Item[]): Item[] {
  return [...new Map(items.map((item) => [item.name, item])).values()];
}

function locateAll(problems: readonly FoundProblem[], config: StackConfig): Problem[] {
  return problems.map(({ path, ...problem }) => ({ ...problem, position: config.locate(path as OptionPath) }));
}

/** Left out of the model of most stacks, which have none. */
function externalBuckets(found: ExternalBucket[]): Pick<StackModel, "externalBuckets"> {
  return found.length === 0 ? {} : { externalBuckets: found };
}
