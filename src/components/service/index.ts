import { imageProblem } from "../../stack/fields.ts";
import type { ConfigFile } from "../../stack/model.ts";
import type { HardeningException, Mount } from "../../stack/service.ts";
import { component as app } from "../app/index.ts";
import type { AppOptions } from "../app/options.ts";
import type { Component, ComponentUse, Connection, Contribution, OptionProblem, ServiceNeeds } from "../component.ts";
import { options, type ServiceOptions } from "./options.ts";

/**
 * A Compose service of which this program knows nothing but what stack.yaml says. It is an app with more freedom: what the
 * hardening would break without anybody knowing is excused, each time with the reason, and can be tightened one by one.
 */
export const component: Component<ServiceOptions> = {
  type: "service",
  about: "a Compose service as it is, for what is neither an app of yours nor in the catalogue",
  options,
  questions: [{ path: ["image"], message: "Image, with its tag", kind: "input", validate: imageProblem }],
  uses: (service) => app.uses?.(asApp(service)) ?? [],
  contribute(service, use) {
    const contribution = app.contribute(asApp(service), { ...use, usedBy: [] });
    return {
      ...contribution,
      networks: [
        ...(contribution.networks ?? []),
        ...(service.internal ? [{ name: use.key, about: `Those that use ${use.key}`, internal: true }] : []),
      ],
      files: filesOf(service, use.key),
      connections: use.usedBy.map((user) => connectionTo(service, use.key, user.key)),
      secrets: service.secretFiles.map((name) => ({
        name,
        about: `a file of ${use.key}, supplied by you`,
        mode: 0o444,
        kind: "supplied" as const,
      })),
      unprotected: (contribution.unprotected ?? []).map(({ name, reason }) =>
        isUndecided(service, use.key, name)
          ? {
              name,
              reason: `NOT BACKED UP: nobody has chosen how; write backup: stop at this volume of ${use.key} in stack.yaml`,
            }
          : { name, reason },
      ),
      problems: [...(contribution.problems ?? []), ...problemsOf(service, use)],
    };
  },
  collect(service, use, all) {
    const collected = app.collect?.(asApp(service), use, all) ?? {};
    return {
      ...collected,
      services: (collected.services ?? []).map((needs) =>
        needs.name === use.key ? freed(needs, service, use) : needs,
      ),
    } satisfies Contribution;
  },
};

/** The part that is the same for an app. */
function asApp(service: ServiceOptions): AppOptions {
  return {
    ...app.options.parse({ image: service.image }),
    port: service.port,
    routes: service.routes,
    uses: service.uses,
    env: service.env,
    secrets: service.secrets,
    health: service.health,
    command: service.command,
    entrypoint: service.entrypoint,
    user: service.user,
    replicas: service.oneShot ? 1 : service.replicas,
    volumes: service.volumes.map((volume) => ({ ...volume, backup: volume.backup ?? "none" })),
    publish: service.publish,
    shm: service.shm,
    stopGrace: service.stopGrace,
    limits: service.limits,
    writableRoot: !service.readOnlyRoot,
  };
}

function isUndecided(service: ServiceOptions, key: string, volume: string): boolean {
  return service.volumes.some(({ name, backup }) => `${key}-${name}` === volume && backup === undefined);
}

/** What uses it joins its network and waits for it; what address it wants is said by its own environment. */
function connectionTo(service: ServiceOptions, key: string, user: string): Connection {
  const started = service.health === undefined ? "service_started" : "service_healthy";
  return {
    app: user,
    from: key,
    variables: {},
    network: service.internal ? key : "apps",
    dependsOn: [{ service: key, condition: service.oneShot ? "service_completed_successfully" : started }],
  };
}

function freed(needs: ServiceNeeds, service: ServiceOptions, use: ComponentUse): ServiceNeeds {
  const { healthcheck, ...rest } = needs;
  const runsOn = !service.oneShot;
  const about = service.oneShot
    ? "a step that ends by itself"
    : needs.about
        .replace(/^(worker|application)/, "service")
        .replace(", not reachable from outside", ", reached by other services only");
  return {
    ...rest,
    about: `${about}; ${service.because}`,
    ...(service.oneShot && { class: use.usedBy.length > 0 ? ("one-shot" as const) : ("job" as const) }),
    ...(service.workingDir !== undefined && { workingDir: service.workingDir }),
    ...(runsOn && service.health !== undefined && healthcheck && { healthcheck }),
    mounts: [...(needs.mounts ?? []), ...filesOf(service, use.key).map(mountOf(service)), ...hostMounts(service)],
    // An image that fills its own /tmp at the build would find it empty: it has its root for that.
    tmpfs: service.readOnlyRoot ? (needs.tmpfs ?? []) : [],
    secrets: [...(needs.secrets ?? []), ...service.secretFiles],
    networks: service.internal
      ? needs.networks.map((network) => (network === "apps" ? use.key : network))
      : needs.networks,
    // An image's own init process (s6, tini) insists on being the first.
    init: false,
    exceptions: exceptionsOf(needs, service),
    ...(Object.keys(service.compose).length > 0 && { kept: service.compose }),
  };
}

function exceptionsOf(needs: ServiceNeeds, service: ServiceOptions): HardeningException[] {
  const { because } = service;
  const own = (needs.exceptions ?? [])
    .filter(({ rule }) => rule === "non-root" || rule === "shared-volumes")
    .map((exception) => ({ ...exception, reason: `${because}; ${exception.reason}` }));
  const paths = service.hostPaths.map(({ source }) => source);
  const keys = Object.keys(service.compose);
  return [
    ...own,
    ...(service.readOnlyRoot
      ? []
      : [
          {
            rule: "read-only-root" as const,
            reason: `${because}; where it writes is not known; try readOnlyRoot: true`,
          },
        ]),
    ...(service.capabilities.length > 0
      ? [
          {
            rule: "drop-capabilities" as const,
            reason: `${because}; its image begins as root and changes to a user of its own`,
            capabilities: service.capabilities,
          },
        ]
      : []),
    ...(service.health === undefined && !service.oneShot
      ? [{ rule: "healthcheck" as const, reason: `${because}; no health: in stack.yaml, only its running is watched` }]
      : []),
    ...(paths.length > 0
      ? [{ rule: "host-paths" as const, reason: `${because}; reads ${paths.join(", ")} of this server`, paths }]
      : []),
    ...(keys.length > 0
      ? [{ rule: "kept-keys" as const, reason: `${because}; ${keys.join(", ")} taken over as written`, keys }]
      : []),
  ];
}

function filesOf(service: ServiceOptions, key: string): ConfigFile[] {
  return service.files.map(({ path, content, executable }, index) => ({
    path: `config/${key}/${index + 1}-${(path.split("/").at(-1) ?? "").replace(/[^A-Za-z0-9._-]/g, "_")}`,
    content,
    mode: executable ? 0o755 : 0o644,
  }));
}

function mountOf(service: ServiceOptions): (file: ConfigFile, index: number) => Mount {
  return (file, index) => ({
    kind: "bind",
    source: file.path,
    target: service.files[index]?.path ?? "",
    readOnly: true,
  });
}

function hostMounts(service: ServiceOptions): Mount[] {
  return service.hostPaths.map(({ source, path }) => ({ kind: "host", source, target: path, readOnly: true }));
}

function problemsOf(service: ServiceOptions, use: ComponentUse): OptionProblem[] {
  const problems: OptionProblem[] = use.usedBy
    .filter(({ part }) => part !== undefined)
    .map(({ key, part }) => ({
      path: [],
      message: `${key} uses ${use.key}/${part}, and a service has no parts`,
      hint: `write ${use.key} there`,
    }));
  if (service.internal && service.publish.length > 0)
    problems.push({
      path: ["publish"],
      message: "a service with internal: true is reached by those that use it alone, and publishes nothing",
      hint: "remove publish, or internal",
    });
  return problems;
}
