import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { firstWords } from "../../src/cli/command-words.ts";
import { loadStackConfig } from "../../src/stack/load.ts";
import { catalogue, modelOf, root } from "./catalogue.ts";
import { monitoredStack } from "./monitored-stack.ts";

/** Series that a rule is tried on. */
export interface RuleCase {
  /**
   * A series by its text, with its values in promtool's notation: `'up{job="redis"}': "1x10 0x20"`. `7x3` is a value
   * and three more of it, `0+2x5` counts, `_` is a gap.
   */
  series: Record<string, string>;
  /** When is looked, from the first value on: `5m`. Time itself begins at 0: `time()` is 300 then. */
  at: string;
  /** Time between two values; `1m` when left out. */
  interval?: string;
}

/** Series for which the rule fires. */
export interface FiringCase extends RuleCase {
  /** How many alerts; 1 when left out. */
  alerts?: number;
  /** Labels that these alerts have, besides others. `component` must be there in any case. */
  labels?: Record<string, string>;
}

/**
 * For each alert rule series for which it fires and, as like to them as possible, series for which it stays silent.
 * Where a rule has several ways to fire, each is tried. They stand in test/unit/alerts/<type of the component>.ts.
 */
export type RuleCases = Record<
  string,
  { fires: FiringCase | readonly FiringCase[]; silent: RuleCase | readonly RuleCase[] }
>;

const model = modelOf(monitoredStack);
const { components } = loadStackConfig(monitoredStack, "stack.yaml", catalogue.components);
const typeOf = new Map(components.map(({ key, type }) => [key, type]));

/** Every generated file of the stack that has each component: path and text. */
export const monitoredFiles = model.files;

/** Every alert rule there is, with the type of the component that it belongs to. */
export const allRules = model.alerts.map((rule) => ({ ...rule, type: typeOf.get(rule.component) ?? "" }));

/** What can be typed after ./prod.sh in that stack. */
export const typedVerbs = [...firstWords(), ...[...model.shortcuts, ...model.actions].map(({ verb }) => verb)];

/** Types of components that have alert rules. */
export const typesWithRules = [...new Set(allRules.map(({ type }) => type))].sort();

/** Types of the catalogue that are missing in the stack whose rules are tried. */
export const typesLeftOut = catalogue.components
  .map(({ type }) => type)
  .filter((type) => ![...typeOf.values()].includes(type));

/** The cases of a type of component; none where there is no file of them. */
export async function casesOf(type: string): Promise<RuleCases> {
  const path = join(root, "test/unit/alerts", `${type}.ts`);
  if (!existsSync(path)) return {};
  return ((await import(pathToFileURL(path).href)) as { cases: RuleCases }).cases;
}
