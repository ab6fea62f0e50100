import { type Scrape, scrapeNetwork } from "../../stack/monitoring.ts";
import { secretText } from "../../stack/secret-text.ts";
import type { HardeningException, Tmpfs } from "../../stack/service.ts";
import type {
  Component,
  ComponentUse,
  Connection,
  Contribution,
  ContributionOf,
  OptionProblem,
  RouteNeeds,
  ServiceNeeds,
  Use,
} from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { appEnvironment } from "./environment.ts";
import { healthcheckOf } from "./health.ts";
import { type AppOptions, options } from "./options.ts";
import { questions } from "./questions.ts";
import { taskServices } from "./tasks.ts";
import { ownVolumes, sharedProblems, sharedVolumes, volumeMounts, volumeOwner } from "./volumes.ts";

export const component: Component<AppOptions> = {
  type: "app",
  about: "an application of yours, from its image",
  options,
  questions,
  uses: (app) => usesOf(app.uses),
  contribute(app, use) {
    const scrapes = scrapesOf(app, use);
    return {
      ...ownVolumes(app, use.key),
      networks: [
        { name: "apps", about: "apps among themselves, and their way out to the internet", internal: false },
        ...(scrapes.length > 0 ? [networkOfScrapes] : []),
      ],
      ...(scrapes.length > 0 && { scrapes }),
      routeNeeds: routeNeeds(app, use),
      connections: app.port === undefined ? [] : use.usedBy.map((user) => offerTo(user.key, app, use)),
      probes:
        app.port !== undefined && app.health && "path" in app.health
          ? [{ service: use.key, port: app.port, path: app.health.path }]
          : [],
      problems: [...checkOptions(app), ...use.usedBy.flatMap((user) => partProblem(user, use.key))],
    };
  },
  collect(app, use, all) {
    const { connections, found, service } = appIn(app, use, all);
    const direct = directEnvironment(app, use, connections) ?? found;
    const { environment, envFiles, mountedSecrets } = direct;
    const tasks = taskServices(
      app,
      use.key,
      { ...service, environment, envFiles, secrets: mountedSecrets },
      connections,
    );
    return {
      services: [service, ...tasks.services],
      migrations: tasks.migrations,
      secrets: [...found.secretFiles, ...(direct === found ? [] : direct.secretFiles)],
      problems: [...found.problems, ...sharedProblems(app, all)],
    } satisfies Contribution;
  },
};

/** `uses:` as the generator reads it. */
export function usesOf(texts: readonly string[]): Use[] {
  return texts.map((text, index) => {
    const [name = text, part] = text.split("/");
    return { component: name, path: ["uses", index], ...(part !== undefined && { part }) };
  });
}

/** The app as a service, with what the others offer it. */
export function appIn(app: AppOptions, use: ComponentUse, all: readonly ContributionOf[]) {
  const connections = connectionsFor(use.key, app, all);
  const found = appEnvironment(use, app, connections);
  return { connections, found, service: appService(app, use, connections, found, all) };
}

/** What migrations find where a connection has something in between that they must go round; undefined where none has. */
function directEnvironment(app: AppOptions, use: ComponentUse, connections: readonly Connection[]) {
  if (app.migrate === undefined || !connections.some(({ direct }) => direct !== undefined)) return undefined;
  const round = connections.map((each) => ({ ...each, variables: { ...each.variables, ...each.direct } }));
  return appEnvironment({ ...use, key: `${use.key}-migrate` }, app, round);
}

function appService(
  app: AppOptions,
  use: ComponentUse,
  connections: readonly Connection[],
  found: ReturnType<typeof appEnvironment>,
  all: readonly ContributionOf[],
): ServiceNeeds {
  const { healthcheck, exceptions } = healthcheckOf(app);
  const owners = [...volumeOwner(app, use.key).map(({ name }) => name), ...sharedVolumes(app, use.key, all).prepared];
  return {
    name: use.key,
    about:
      app.port === undefined
        ? "worker, not reachable from outside"
        : `application${app.routes.length > 0 ? ` at ${app.routes.map(routeText).join(", ")}` : ", reached by other services only"}`,
    group: "apps",
    image: app.image,
    tagVariable: `${use.key.toUpperCase().replaceAll("-", "_")}_TAG`,
    ...(app.user !== undefined && { user: app.user }),
    ...(app.command && { command: app.command }),
    ...(app.entrypoint && { entrypoint: app.entrypoint }),
    environment: found.environment,
    ...(Object.keys(found.releaseVariables).length > 0 && { releaseVariables: found.releaseVariables }),
    envFiles: found.envFiles,
    secrets: found.mountedSecrets,
    mounts: volumeMounts(app, use.key),
    tmpfs: ["/tmp", ...app.writable].map(inMemory),
    networks: [
      ...(app.routes.length > 0 ? ["edge"] : []),
      "apps",
      ...new Set(connections.map((connection) => connection.network).filter((network) => network !== "apps")),
      ...(scrapesOf(app, use).length > 0 ? [scrapeNetwork] : []),
    ],
    ports: app.publish.map(({ host, port, target, protocol }) => ({ host, published: port, target, protocol })),
    dependsOn: [
      ...uniqueDependencies(connections),
      ...owners.map((service) => ({ service, condition: "service_completed_successfully" as const })),
    ],
    ...(healthcheck && { healthcheck }),
    limits: app.limits,
    replicas: app.replicas,
    stopGracePeriod: app.stopGrace,
    ...(app.shm !== undefined && { shmSize: app.shm }),
    init: true,
    exceptions: [
      ...userException(app),
      ...(app.writableRoot ? [writableRootException] : []),
      ...exceptions,
      ...sharedVolumes(app, use.key, all).exceptions,
    ],
  };
}

const writableRootException: HardeningException = {
  rule: "read-only-root",
  reason: "writableRoot: true in stack.yaml",
};

function userException(app: AppOptions): HardeningException[] {
  if (app.user === undefined)
    return [
      {
        rule: "non-root",
        reason: "runs as the image's own user; set user: in stack.yaml to be sure that it is not root",
      },
    ];
  return /^0+(:|$)/.test(app.user) ? [{ rule: "non-root", reason: `user: "${app.user}" in stack.yaml` }] : [];
}

function inMemory(target: string): Tmpfs {
  return { target, size: 64 * 1024 ** 2, mode: "1777" };
}

function routeText(route: AppOptions["routes"][number]): string {
  return route.path === "/" ? route.host : `${route.host}${route.path}`;
}

function partProblem({ key, part }: ComponentUse["usedBy"][number], app: string): OptionProblem[] {
  if (part === undefined) return [];
  return [{ path: [], message: `${key} uses ${app}/${part}, and an app has no parts`, hint: `write ${app} there` }];
}

function routeNeeds(app: AppOptions, use: ComponentUse): RouteNeeds[] {
  const { port } = app;
  return port === undefined
    ? []
    : app.routes.map((route, index) => ({ service: use.key, ...route, port, at: ["routes", index] }));
}

/** Each container of it is asked for itself. */
function scrapesOf({ metrics, port }: AppOptions, { key, monitored }: ComponentUse): Scrape[] {
  const at = metrics?.port ?? port;
  if (!monitored || metrics === undefined || at === undefined) return [];
  return [{ job: key, service: key, port: at, path: metrics.path, replicated: true }];
}

/** `client` that uses `server` finds SERVER_URL. */
function offerTo(user: string, app: AppOptions, use: ComponentUse): Connection {
  return {
    app: user,
    from: use.key,
    variables: {
      [`${use.key.toUpperCase().replaceAll("-", "_")}_URL`]: secretText`http://${use.key}:${app.port ?? 80}`,
    },
    network: "apps",
    dependsOn: [{ service: use.key, condition: "service_healthy" }],
  };
}

/** Every connection that is offered to this app, in the order of its `uses`: of two databases the first named is the main one. */
function connectionsFor(key: string, app: AppOptions, all: readonly ContributionOf[]): Connection[] {
  const offered = all.flatMap(({ contribution }) =>
    (contribution.connections ?? []).filter((connection) => connection.app === key),
  );
  const placeOf = ({ from, part }: Connection) => app.uses.indexOf(part === undefined ? from : `${from}/${part}`);
  return offered.sort((a, b) => placeOf(a) - placeOf(b));
}

function uniqueDependencies(connections: readonly Connection[]) {
  return [
    ...new Map(
      connections.flatMap((connection) => connection.dependsOn).map((dependency) => [dependency.service, dependency]),
    ).values(),
  ];
}

function checkOptions(app: AppOptions) {
  const problems = [];
  if (app.port === undefined && app.routes.length > 0)
    problems.push({
      path: ["routes"],
      message: "routes need the port that the app listens on",
      hint: "add port: 3000 (or whichever it is)",
    });
  if (app.port === undefined && app.health && "path" in app.health)
    problems.push({
      path: ["health"],
      message: "a health path needs the port that the app listens on",
      hint: "add port:, or use health: { exec: [command] }",
    });
  if (app.metrics !== undefined && (app.metrics.port ?? app.port) === undefined)
    problems.push({
      path: ["metrics"],
      message: "metrics need the port that they are at",
      hint: `write metrics: { path: ${app.metrics.path}, port: 9090 } (or whichever it is)`,
    });
  if (app.seed !== undefined && app.migrate === undefined)
    problems.push({
      path: ["seed"],
      message: "seed runs after migrate, and there is no migrate",
      hint: "add migrate: [your, command]",
    });
  if (app.publish.length > 0 && app.replicas > 1)
    problems.push({
      path: ["publish"],
      message: "replicas cannot share one published port",
      hint: "set replicas: 1, or use routes instead of publish",
    });
  return problems;
}
