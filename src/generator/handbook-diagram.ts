import type { Route, StackModel } from "../stack/model.ts";
import type { Service, ServiceGroup } from "../stack/service.ts";

const headings: Record<ServiceGroup, string> = {
  edge: "Edge",
  apps: "Apps",
  data: "Data",
  logging: "Logging",
  monitoring: "Monitoring",
};

/**
 * The stack as a Mermaid flowchart: from the internet through the proxy to the apps and on to the data. An arrow says
 * over which network. Only what runs all the time is drawn; set-up steps and jobs stand in the start order.
 */
export function diagram(model: StackModel): string {
  const running = model.services.filter((service) => service.class === "long-running");
  const arrows = [...published(running), ...routed(model, running), ...connected(running)];
  const volumes = model.dataSources.filter((source) => running.some((service) => service.name === source.service));
  const outside = arrows.some((arrow) => arrow.from === "internet");
  const local = arrows.some((arrow) => arrow.from === "localhost");
  return [
    "flowchart LR",
    ...(outside ? ['  internet(["Internet"])'] : []),
    ...(local ? ['  localhost(["This server alone"])'] : []),
    ...groups(running),
    ...volumes.map((source) => `  ${idOf("volume", source.volume)}[("${label(source.volume)}")]`),
    ...arrows.map(({ from, to, text }) => `  ${from} -->|"${text.map(label).join("<br/>")}"| ${to}`),
    ...volumes.flatMap(({ service, volume }) =>
      [service, ...sharers(running, service, volume)].map(
        (name) => `  ${idOf("service", name)} --- ${idOf("volume", volume)}`,
      ),
    ),
  ].join("\n");
}

/** Services of other components that stack.yaml shares it with. */
function sharers(services: readonly Service[], owner: string, volume: string): string[] {
  return services
    .filter(({ name, exceptions }) => name !== owner && exceptions.some(({ volumes }) => volumes?.includes(volume)))
    .map(({ name }) => name);
}

interface Arrow {
  from: string;
  to: string;
  text: string[];
}

function groups(services: readonly Service[]): string[] {
  return (Object.keys(headings) as ServiceGroup[]).flatMap((group) => {
    const members = services.filter((service) => service.group === group);
    if (members.length === 0) return [];
    return [
      `  subgraph ${idOf("group", group)}["${headings[group]}"]`,
      ...members.map((service) => `    ${idOf("service", service.name)}["${label(nameWithReplicas(service))}"]`),
      "  end",
    ];
  });
}

function published(services: readonly Service[]): Arrow[] {
  return services.flatMap((service) => {
    const from = (open: boolean) => service.ports.filter((port) => isLoopback(port.host) !== open);
    return [
      { from: "internet", ports: from(true) },
      { from: "localhost", ports: from(false) },
    ]
      .filter(({ ports }) => ports.length > 0)
      .map(({ from: origin, ports }) => ({
        from: origin,
        to: idOf("service", service.name),
        text: [...new Set(ports.map((port) => `${port.published}/${port.protocol}`))],
      }));
  });
}

/** One arrow per routed service, however many addresses it has. */
function routed(model: StackModel, services: readonly Service[]): Arrow[] {
  const edge = services.find((service) => service.group === "edge");
  if (edge === undefined) return [];
  return [...new Set(model.routes.map((route) => route.service))].map((name) => ({
    from: idOf("service", edge.name),
    to: idOf("service", name),
    text: model.routes.filter((route) => route.service === name).map(addressOf),
  }));
}

/** Who talks to whom: what a service waits for, and the data whose internal network it has joined. */
function connected(services: readonly Service[]): Arrow[] {
  return services.flatMap((from) =>
    services
      .filter((to) => to !== from && (waitsFor(from, to) || usesData(from, to)))
      .map((to) => ({
        from: idOf("service", from.name),
        to: idOf("service", to.name),
        text: sharedNetworks(from, to),
      }))
      .filter((arrow) => arrow.text.length > 0),
  );
}

function waitsFor(from: Service, to: Service): boolean {
  return from.dependsOn.some((dependency) => dependency.service === to.name);
}

function usesData(from: Service, to: Service): boolean {
  return to.group === "data" && from.group !== "data" && from.group !== "edge" && from.networks.includes(to.component);
}

/** The network that is named after the one that is called, where there is one; the proxy's own only where it is the only one. */
function sharedNetworks(from: Service, to: Service): string[] {
  const shared = from.networks.filter((network) => to.networks.includes(network));
  if (shared.includes(to.component)) return [to.component];
  return shared.length > 1 ? shared.filter((network) => network !== "edge") : shared;
}

/** Host and path of a route, as it is typed into a browser, without the scheme. */
export function addressOf(route: Route): string {
  return route.path === "/" ? route.host : `${route.host}${route.path}`;
}

export function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}

function nameWithReplicas(service: Service): string {
  return service.replicas === 1 ? service.name : `${service.name} x${service.replicas}`;
}

/** Mermaid takes some words (`end`) and signs (`-`) in a bare name for its own. */
function idOf(kind: "service" | "volume" | "group", name: string): string {
  return `${kind}_${name.replaceAll(/[^A-Za-z0-9]/g, "_")}`;
}

function label(text: string): string {
  return text.replaceAll('"', "#quot;");
}
