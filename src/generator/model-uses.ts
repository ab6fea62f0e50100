import type { Component, ContributionOf, Use, UsedBy } from "../components/component.ts";
import type { ComponentConfig, StackConfig } from "../stack/config.ts";
import { didYouMean } from "../support/suggest.ts";
import type { FoundProblem } from "./rules.ts";

/** A component of the stack with what it uses of others. */
export interface Placed {
  config: ComponentConfig;
  component: Component;
  uses: Use[];
}

/** What is wrong with what components say that they use; `types`: those of the catalogue. */
export function checkUses(placed: readonly Placed[], types: readonly string[], stack: StackConfig): FoundProblem[] {
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
export function checkGiven(placed: readonly Placed[], contributions: readonly ContributionOf[]): FoundProblem[] {
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
export function usersByComponent(placed: readonly Placed[]): Map<string, UsedBy[]> {
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
