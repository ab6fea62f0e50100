import { parseImage } from "../stack/fields.ts";
import type { StackModel } from "../stack/model.ts";
import type { Service } from "../stack/service.ts";
import { formatSize } from "../support/units.ts";
import { code, codes, table } from "./handbook-text.ts";

type Model = Pick<StackModel, "services" | "dataSources">;

/** Servers of one image in one stack, of which one could do the work of all. Bytes of limits, exporters included. */
export interface SharedServers {
  /** `postgres:17.11-trixie` */
  image: string;
  /** Keys in stack.yaml. */
  components: string[];
  /** Of Postgres: what one server would hold. */
  databases: string[];
  apart: number;
  /** An estimate: twice the largest limit, because peaks seldom fall together. */
  together: number;
}

const worthSaying = 256 * 1024 ** 2;

/** Data servers that stand several times in the stack, where one would take less. Caches and what keeps data are never one. */
export function sharedServers({ services, dataSources }: Model): SharedServers[] {
  const running = services.filter((service) => service.class === "long-running");
  const keeps = (key: string) => dataSources.some(({ component }) => component === key);
  const groups = new Map<string, Service[]>();
  for (const service of running) {
    if (service.group !== "data" || service.name !== service.component) continue;
    const group = `${service.image} ${keeps(service.component)}`;
    groups.set(group, [...(groups.get(group) ?? []), service]);
  }
  return [...groups.values()].flatMap((servers) => {
    const components = servers.map(({ component }) => component);
    const largest = Math.max(...servers.map(({ limits }) => limits.memory));
    const apart = memoryOf(running.filter(({ component }) => components.includes(component)));
    const beside = (key: string) =>
      memoryOf(running.filter(({ component, name }) => component === key && name !== key));
    const together = 2 * largest + Math.max(...components.map(beside));
    if (servers.length < 2 || apart - together < worthSaying) return [];
    const databases = dataSources.flatMap((source) =>
      source.kind === "postgres" && components.includes(source.component) ? source.databases : [],
    );
    return [
      { image: shortOf(servers[0]?.image ?? ""), components, databases: [...new Set(databases)], apart, together },
    ];
  });
}

/** One line for each, for the summary of a stack. */
export function sharedServersLines(model: Model): string[] {
  return sharedServers(model).map(({ image, components, databases, apart, together }) => {
    const one = databases.length > 0 ? `with databases: [${databases.join(", ")}]` : "for all of their users";
    return `${components.length} servers of ${image} have limits of ${formatSize(apart)}; one server ${one} about ${formatSize(together)} (ARCHITECTURE.md weighs it)`;
  });
}

/** What the servers cost apart and as one. Empty where the stack has none of which several could be one. */
export function sharedServersTable(model: Model): string {
  return table(
    ["Servers", "Image", "Apart, at most", "As one, about", "One would hold"],
    sharedServers(model).map(({ image, components, databases, apart, together }) => [
      codes(components),
      code(image),
      formatSize(apart),
      formatSize(together),
      databases.length > 0 ? code(`databases: [${databases.join(", ")}]`) : "what all of them hold",
    ]),
  );
}

function shortOf(image: string): string {
  const parsed = parseImage(image);
  return parsed === undefined ? image : `${parsed.name}${parsed.tag === undefined ? "" : `:${parsed.tag}`}`;
}

function memoryOf(services: readonly Service[]): number {
  return services.reduce((sum, { limits, replicas }) => sum + limits.memory * replicas, 0);
}
