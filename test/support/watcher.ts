import { z } from "zod";
import type { Component, ContributionOf } from "../../src/components/component.ts";
import { networkOfScrapes } from "../../src/components/monitored.ts";
import { type Dashboard, type Scrape, scrapeNetwork } from "../../src/stack/monitoring.ts";
import type { DataStack } from "../scenario/data-stack.ts";

export const watcherImage = "node:22-trixie-slim";

/** A component that monitors the others as Prometheus does, by hand: a container on the network of scrapes. */
export interface Watcher {
  component: Component;
  /** What the others said, once the model is built. */
  seen(): readonly ContributionOf[];
}

export function watcher(): Watcher {
  let others: readonly ContributionOf[] = [];
  const component: Component<object> = {
    type: "watcher",
    about: "reads metrics",
    options: z.strictObject({}),
    monitors: true,
    contribute: () => ({
      networks: [networkOfScrapes],
      services: [
        {
          name: "watcher",
          about: "Reads metrics",
          group: "monitoring",
          image: watcherImage,
          user: "1000:1000",
          entrypoint: ["sleep", "infinity"],
          networks: [scrapeNetwork],
          healthcheck: { test: ["CMD", "true"] },
          limits: { cpus: 0.5, memory: 128 * 1024 ** 2 },
          nofile: 1024,
        },
      ],
    }),
    collect(_options, _use, all) {
      others = all;
      return {};
    },
  };
  return { component: component as unknown as Component, seen: () => others };
}

/** What a service answers on the network of scrapes: `200` and below it the text, or why there is none. */
export async function readMetrics(
  stack: DataStack,
  { service, port, path }: Pick<Scrape, "service" | "port" | "path">,
  token?: string,
): Promise<string> {
  const program = [
    "const [url, token] = process.argv.slice(1);",
    "const headers = token ? { Authorization: `Bearer ${token}` } : {};",
    "fetch(url, { headers, signal: AbortSignal.timeout(15_000) })",
    "  .then(async (answer) => console.log(`${answer.status}\\n${await answer.text()}`))",
    "  .catch((error) => console.log(error.cause?.code ?? error.name));",
  ].join("\n");
  const words = ["node", "-e", program, `http://${service}:${port}${path}`, ...(token === undefined ? [] : [token])];
  return (await stack.compose("exec", "-T", "watcher", ...words)).stdout.trim();
}

/** A series of the text format: its name and the names of its labels. */
export function seriesOf(text: string): { name: string; labels: string[] }[] {
  return text.split("\n").flatMap((line) => {
    const [, name, labels = ""] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? /.exec(line) ?? [];
    if (name === undefined) return [];
    return { name, labels: [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = ""]) => label) };
  });
}

/** The selectors in an expression: `up{job="redis"}` is the name `up` with the label `job`. */
export function selectorsOf(expr: string): { name: string; labels: string[] }[] {
  return [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].map(([, name = "", labels = ""]) => ({
    name,
    labels: [...labels.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = ""]) => label),
  }));
}

/** Labels that Prometheus adds, and the one metric that is its own. */
const added = ["job", "component", "instance", "address"];

/** Dashboards of the components that are watched. */
export function dashboardsOf(eye: Watcher): Dashboard[] {
  return eye.seen().flatMap(({ contribution }) => contribution.dashboards ?? []);
}

/** Each expression of a rule or a panel, with the place where it stands. */
export function expressionsOf(stack: DataStack, eye: Watcher): { where: string; expr: string }[] {
  return [
    ...stack.model.alerts.map(({ name, expr }) => ({ where: name, expr })),
    ...dashboardsOf(eye).flatMap(({ uid, panels }) =>
      panels.flatMap(({ title, queries }) => queries.map(({ expr }) => ({ where: `${uid}: ${title}`, expr }))),
    ),
  ];
}

/** Names of metrics with their labels that an expression asks for and that nobody tells. `told`: by name, the labels of each series. */
export function notTold(
  expressions: readonly { where: string; expr: string }[],
  told: ReadonlyMap<string, string[][]>,
): string[] {
  return expressions.flatMap(({ where, expr }) => {
    const selectors = selectorsOf(expr);
    if (selectors.length === 0) return [`${where}: no metric in ${expr}`];
    return selectors.flatMap(({ name, labels }) => {
      const wanted = labels.filter((label) => !added.includes(label));
      if (name === "up") return [];
      const found = told.get(name)?.some((has) => wanted.every((label) => has.includes(label)));
      return found ? [] : [`${where}: ${name}{${wanted.join(",")}}`];
    });
  });
}
