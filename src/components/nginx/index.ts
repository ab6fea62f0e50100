import { hostProblem } from "../../stack/fields.ts";
import type { ConfigFile } from "../../stack/model.ts";
import { secretText } from "../../stack/secret-text.ts";
import { formatSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution, ContributionOf, OptionProblem } from "../component.ts";
import { monitoring } from "./exporter.ts";
import { type NginxOptions, nginxOptions } from "./options.ts";
import { folderOf, inspectCommand, port, rootOf, serverService, statusPort } from "./services.ts";
import { checkPaths, planUpstreams } from "./upstreams.ts";

/** Connections that a worker holds at once; each that is passed on counts twice. */
const connections = 4_096;
/** Below this it is killed by its first few thousand visitors. */
const smallestMemory = 32 * 1024 ** 2;

export const component: Component<NginxOptions> = {
  type: "nginx",
  about: "a web server: static files, and requests shared among the containers of apps",
  options: nginxOptions,
  questions: [
    {
      path: ["routes"],
      message: "Public host names of the site, with commas between (or none)",
      kind: "list",
      optional: true,
      validate: hostProblem,
    },
    { path: ["site"], message: "Folder with its files, beside stack.yaml", kind: "input", default: "site" },
  ],
  uses: ({ upstreams }) =>
    [...new Set(Object.values(upstreams).map(({ app }) => app))].map((app) => ({
      component: app,
      path: ["upstreams", Object.keys(upstreams).find((path) => upstreams[path]?.app === app) ?? ""],
    })),
  contribute,
  collect,
};

function contribute(options: NginxOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const folder = folderOf(options);
  const more = use.monitored ? monitoring(use, connections * workersOf(options)) : undefined;
  return {
    networks: [
      ...(isAmongApps(options, use)
        ? [{ name: "apps", about: "apps among themselves, and their way out to the internet", internal: false }]
        : []),
      ...(more?.networks ?? []),
    ],
    ...(folder !== undefined && { folders: [{ path: folder, mode: 0o755 }] }),
    routeNeeds: options.routes.map((route, index) => ({ service: key, ...route, port, at: ["routes", index] })),
    connections: use.usedBy.map((user) => ({
      app: user.key,
      from: key,
      variables: { [`${key.toUpperCase().replaceAll("-", "_")}_URL`]: secretText`http://${key}:${port}` },
      network: "apps",
      dependsOn: [{ service: key, condition: "service_healthy" }],
    })),
    inspections: [{ services: [key], command: inspectCommand }],
    ...(more && {
      services: more.services,
      scrapes: more.scrapes,
      alertRules: more.alertRules,
      dashboards: more.dashboards,
    }),
    problems: [
      ...checkPaths(key, options),
      ...use.usedBy.flatMap((user) => partProblem(user, key)),
      ...tooSmall(options),
    ],
  };
}

/** The server itself: whom it passes requests on to is known once the apps have said where they listen. */
function collect(options: NginxOptions, use: ComponentUse, all: readonly ContributionOf[]): Contribution {
  const { key } = use;
  const { groups, paths, problems } = planUpstreams(key, options, all);
  const networks = [
    ...(options.routes.length > 0 ? ["edge"] : []),
    ...(isAmongApps(options, use) ? ["apps"] : []),
    ...(use.monitored ? [key] : []),
  ];
  // Its site is there while an app is not: nobody is waited for until he is healthy.
  const dependsOn = [...new Set(groups.map(({ service }) => service))].map((service) => ({
    service,
    condition: "service_started" as const,
  }));
  const about = `web server${options.routes.length > 0 ? ` at ${options.routes.map(({ host, path }) => host + (path === "/" ? "" : path)).join(", ")}` : ", reached by other services only"}`;
  const values = valuesOf(options, groups, paths);
  const file = (name: string, template: string, mode: ConfigFile["mode"] = 0o644): ConfigFile => ({
    path: `config/${key}/${name}`,
    content: use.template(template, values),
    mode,
  });
  return {
    services: [serverService(key, about, options, { networks, dependsOn })],
    files: [
      file("nginx.conf", "nginx/nginx.conf.hbs"),
      ...(paths.length > 0 ? [file("proxy.conf", "nginx/proxy.conf.hbs")] : []),
      file("inspect.sh", "nginx/inspect.sh.hbs", 0o755),
    ],
    problems,
  };
}

function valuesOf(
  options: NginxOptions,
  groups: ReturnType<typeof planUpstreams>["groups"],
  paths: ReturnType<typeof planUpstreams>["paths"],
): Record<string, unknown> {
  const { site, snippet } = options;
  const cached = site === false ? {} : site.cache;
  return {
    port,
    statusPort,
    connections,
    workers: workersOf(options),
    root: rootOf(options) ?? false,
    folder: folderOf(options) ?? "",
    fallback: (site !== false && site.fallback) || false,
    notFound: (site !== false && site.notFound) || false,
    cached: Object.entries(cached).map(([path, time]) => ({
      path: path.replace(/\/+$/, ""),
      seconds: Math.round(time / 1_000),
    })),
    groups: groups.map(({ balance, ...group }) => ({ ...group, balance: balance ?? false })),
    apps: [...new Set(groups.map(({ service }) => service))],
    proxied: paths.map((proxied, number) => ({ ...proxied, number })),
    snippet: snippet.trim() === "" ? false : snippet.trimEnd().replaceAll(/^(?=.)/gm, "    "),
  };
}

function workersOf({ limits }: NginxOptions): number {
  return Math.max(1, Math.ceil(limits.cpus));
}

function isAmongApps({ upstreams, routes }: NginxOptions, { usedBy }: ComponentUse): boolean {
  return Object.keys(upstreams).length > 0 || usedBy.length > 0 || routes.length === 0;
}

function partProblem({ key, part }: ComponentUse["usedBy"][number], nginx: string): OptionProblem[] {
  if (part === undefined) return [];
  return [{ path: [], message: `${key} uses ${nginx}/${part}, and nginx has no parts`, hint: `write ${nginx} there` }];
}

function tooSmall({ limits }: NginxOptions): OptionProblem[] {
  if (limits.memory >= smallestMemory) return [];
  return [{ path: ["limits", "memory"], message: `nginx needs at least ${formatSize(smallestMemory)} of memory` }];
}
