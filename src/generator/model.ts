import type {
  Component,
  ComponentUse,
  Contribution,
  ContributionOf,
  OptionPath,
  ServiceNeeds,
} from "../components/component.ts";
import type { ComponentConfig, StackConfig } from "../stack/config.ts";
import { usualEnvironment } from "../stack/environments.ts";
import type { ExternalBucket, Network, SecretFile, StackModel } from "../stack/model.ts";
import { metricsFolder, usualThresholds } from "../stack/monitoring.ts";
import type { Service } from "../stack/service.ts";
import { configError } from "../stack/source.ts";
import type { Problem } from "../support/errors.ts";
import { backupSecrets } from "./backup-secrets.ts";
import { harden } from "./harden.ts";
import { checkGiven, checkUses, type Placed, usersByComponent } from "./model-uses.ts";
import { notifySecrets } from "./notify-secrets.ts";
import { assertConsistent, crossCheck, type FoundProblem } from "./rules.ts";
import { fillTemplate, type TemplateSource } from "./templates.ts";

/** What the generator needs besides the configuration. */
export interface Catalogue {
  components: readonly Component[];
  templates: TemplateSource;
}

/**
 * Builds the full desired state from a validated stack.yaml. Pure. Reports everything that is wrong between components
 * at once, with places in stack.yaml, as a StackError.
 */
export function buildModel(config: StackConfig, catalogue: Catalogue, file = "stack.yaml"): StackModel {
  const placed = config.components.map((entry) => place(entry, catalogue));
  const types = catalogue.components.map((component) => component.type).filter((type) => type !== "app");
  const problems: FoundProblem[] = checkUses(placed, types, config);
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
