import { secretsIn } from "../../src/stack/secret-text.ts";
import type { Service } from "../../src/stack/service.ts";
import { hardeningRules, type StackRule } from "./hardening-rules.ts";
import { type InspectedStack, isMadeFolder, isReadFolder } from "./inspected-stack.ts";

function serviceNamed(stack: InspectedStack, name: string): Service | undefined {
  return stack.model.services.find((service) => service.name === name);
}

function missingFrom(known: Iterable<string>, wanted: readonly string[]): string[] {
  const set = new Set(known);
  return wanted.filter((name) => !set.has(name));
}

function missingAndUnused(declared: readonly string[], used: readonly string[]): string[] {
  return [
    ...missingFrom(declared, used).map((name) => `${name} is missing`),
    ...missingFrom(used, declared).map((name) => `${name} is not used`),
  ];
}

function distinct(names: readonly string[]): string[] {
  return [...new Set(names)];
}

/** Names of secrets that a text reads from /run/secrets. */
function secretPaths(text: string): string[] {
  return [...text.matchAll(/\/run\/secrets\/([A-Za-z0-9_.-]*[A-Za-z0-9_-])/g)].map(([, name = ""]) => name);
}

/** What a service says about secrets: its own words, and the generated files that are mounted into it. */
function secretsReadBy(stack: InspectedStack, name: string): string[] {
  const service = stack.services[name];
  const said = JSON.stringify([service?.environment, service?.command, service?.entrypoint, service?.healthcheck]);
  const sources = (service?.volumes ?? [])
    .filter((mount) => mount.type === "bind")
    .map((mount) => mount.source.slice(2));
  const mounted = Object.entries(stack.files).filter(([path]) =>
    sources.some((source) => path === source || path.startsWith(`${source}/`)),
  );
  return distinct(secretPaths([said, ...mounted.map(([, text]) => text)].join("\n")));
}

/** What containers of backups and restores read, of one service or of all: they mount the scripts of their service. */
function taskSecrets(stack: InspectedStack, service?: string): string[] {
  return stack.model.dataSources.flatMap((source) =>
    source.kind === "dump" && (service === undefined || source.service === service)
      ? [source.capture, source.check, source.load].flatMap((task) => task.secrets ?? [])
      : [],
  );
}

function isAdopted(stack: InspectedStack, step: Service): boolean {
  const adopts = (service: Service) =>
    service.dependsOn.some(
      (dependency) => dependency.service === step.name && dependency.condition === "service_completed_successfully",
    );
  return stack.model.services.some(
    (service) =>
      adopts(service) &&
      (service.class === "long-running" ||
        // What prepares a job's own volumes is done before somebody runs it.
        (service.class === "job" && service.component === step.component) ||
        (service.class === "one-shot" && isAdopted(stack, service))),
  );
}

/** True for a step that sets up a server which no app uses: nobody is there who could wait for it. */
function isForNobody(stack: InspectedStack, step: Service): boolean {
  const usesIt = stack.model.services.some(
    (service) =>
      service.component !== step.component &&
      service.dependsOn.some((dependency) => serviceNamed(stack, dependency.service)?.component === step.component),
  );
  return !usesIt && step.dependsOn.some((dependency) => dependency.condition === "service_healthy");
}

function brokenDependency(stack: InspectedStack, name: string, condition: string): string | undefined {
  const target = serviceNamed(stack, name);
  if (target === undefined) return `${name} is not there`;
  if (target.class === "job") return `${name} does not start with the stack`;
  if (condition === "service_healthy" && stack.services[name]?.healthcheck === undefined)
    return `${name} has no health check`;
  if (condition === "service_completed_successfully" && target.class !== "one-shot") return `${name} never ends`;
  return undefined;
}

function cycleFrom(stack: InspectedStack, name: string, trail: readonly string[]): string[] {
  if (trail.includes(name)) return [[...trail, name].join(" -> ")];
  const next = Object.keys(stack.services[name]?.depends_on ?? {});
  return next.flatMap((target) => cycleFrom(stack, target, [...trail, name])).slice(0, 1);
}

const allServices = (stack: InspectedStack) => Object.entries(stack.services);

/** What must hold between the parts of a stack. */
export const nameRules: StackRule[] = [
  {
    source: "own",
    name: "nothing is defined in two Compose files",
    broken: (stack) => stack.definedTwice,
  },
  {
    source: "own, dclint no-version-field",
    name: "Compose files hold services, networks, volumes and secrets alone",
    broken: (stack) => stack.otherKeys,
  },
  {
    source: "own",
    name: "networks are declared, used, and internal where the model says so",
    broken: (stack) => [
      ...missingAndUnused(
        Object.keys(stack.networks),
        allServices(stack).flatMap(([, service]) => service.networks ?? []),
      ),
      ...stack.model.networks
        .filter((network) => (stack.networks[network.name]?.internal === true) !== network.internal)
        .map((network) => `${network.name} is not as the model says`),
    ],
  },
  {
    source: "own",
    name: "volumes are declared and used",
    broken: (stack) =>
      missingAndUnused(
        Object.keys(stack.volumes),
        allServices(stack).flatMap(([, service]) =>
          (service.volumes ?? []).filter((mount) => mount.type === "volume").map((mount) => mount.source),
        ),
      ),
  },
  {
    source: "own, KICS volume_mounted_in_multiple_containers",
    name: "a volume is mounted by the services of its component, and of others where an exception names it",
    broken: (stack) =>
      stack.model.volumes
        .filter(({ name, component }) => {
          const mounting = stack.model.services.filter((service) =>
            service.mounts.some((mount) => mount.kind === "volume" && mount.volume === name),
          );
          const isNamed = (service: Service) => service.exceptions.some(({ volumes }) => volumes?.includes(name));
          return (
            mounting.some((service) => service.component !== component && !isNamed(service)) ||
            mounting.every((service) => service.component !== component)
          );
        })
        .map(({ name }) => name),
  },
  {
    source: "own, OWASP 12",
    name: "secrets are files under secrets/, declared, used and known to the model",
    broken: (stack) => [
      ...Object.entries(stack.secrets)
        .filter(([name, secret]) => JSON.stringify(secret) !== JSON.stringify({ file: `./secrets/${name}` }))
        .map(([name]) => `${name} is no file under secrets/`),
      ...missingAndUnused(
        Object.keys(stack.secrets),
        allServices(stack).flatMap(([, service]) => service.secrets ?? []),
      ),
      ...missingFrom(
        stack.model.secrets.flatMap((file) =>
          file.kind === "certificate" ? [file.name, file.keyName, file.authorityName] : [file.name],
        ),
        Object.keys(stack.secrets),
      ).map((name) => `nobody makes ${name}`),
    ],
  },
  {
    source: "own",
    name: "every secret of the model reaches a service, and composed ones are made of secrets that exist",
    broken(stack) {
      const composed = stack.model.secrets.flatMap((file) => (file.kind === "composed" ? secretsIn(file.content) : []));
      const envFiles = allServices(stack).flatMap(([, service]) => service.env_file ?? []);
      const used = new Set([
        ...composed,
        ...Object.keys(stack.secrets),
        ...envFiles.map((file) => file.path.replace("secrets/", "")),
      ]);
      const names = stack.model.secrets.map((file) => file.name);
      // What the supervisor alone reads: for backups, and for notices where no Alertmanager sends them.
      const forSupervisor = stack.model.secrets.filter((file) => file.kind === "supplied" && file.for !== undefined);
      for (const name of [...forSupervisor.map((file) => file.name), ...taskSecrets(stack)]) used.add(name);
      return [
        ...names.filter((name) => !used.has(name)).map((name) => `${name} is not used`),
        ...missingFrom(names, composed).map((name) => `${name} is missing`),
        ...envFiles.filter((file) => !names.includes(file.path.replace("secrets/", ""))).map((file) => file.path),
        ...envFiles.filter((file) => file.format !== "raw").map((file) => `${file.path} is not taken literally`),
      ];
    },
  },
  {
    source: "own",
    name: "every path below /run/secrets that a service or its files name is granted to it",
    broken: (stack) =>
      allServices(stack).flatMap(([name, service]) =>
        missingFrom([...(service.secrets ?? []), ...taskSecrets(stack, name)], secretsReadBy(stack, name)).map(
          (secret) => `${name}: ${secret}`,
        ),
      ),
  },
  {
    source: "own",
    name: "what a service mounts of the stack's directory is generated",
    broken: (stack) =>
      allServices(stack).flatMap(([name, service]) =>
        (service.volumes ?? [])
          .filter((mount) => mount.type === "bind" && mount.source.startsWith("./"))
          .filter((mount) => !isMadeFolder(stack, mount.source) && !isReadFolder(stack, mount))
          .map((mount) => mount.source.slice(2))
          .filter(
            (source) => !Object.keys(stack.files).some((path) => path === source || path.startsWith(`${source}/`)),
          )
          .map((source) => `${name}: ${source}`),
      ),
  },
  {
    source: "own",
    name: "nothing is mounted twice at one place",
    broken: (stack) =>
      allServices(stack).flatMap(([name, service]) => {
        const targets = [
          ...(service.volumes ?? []).map((mount) => mount.target),
          ...(service.tmpfs ?? []).map((mount) => mount.split(":")[0] ?? ""),
        ];
        return targets.filter((target, index) => targets.indexOf(target) < index).map((target) => `${name}: ${target}`);
      }),
  },
  {
    source: "own",
    name: "services wait for what exists, can be waited for and starts with them",
    broken: (stack) =>
      allServices(stack).flatMap(([name, service]) =>
        Object.entries(service.depends_on ?? {}).flatMap(
          ([target, { condition }]) => brokenDependency(stack, target, condition)?.replace(/^/, `${name}: `) ?? [],
        ),
      ),
  },
  {
    source: "own",
    name: "no services wait for each other",
    broken: (stack) => allServices(stack).flatMap(([name]) => cycleFrom(stack, name, [])),
  },
  {
    source: "own",
    name: "every one-shot is awaited by a long-running service, unless nobody uses what it sets up",
    broken: (stack) =>
      stack.model.services
        .filter((service) => service.class === "one-shot" && !isAdopted(stack, service) && !isForNobody(stack, service))
        .map((service) => service.name),
  },
  {
    source: "own",
    name: "every exception is a comment in the Compose file",
    broken: (stack) =>
      stack.model.services.flatMap((service) =>
        service.exceptions
          .filter((exception) => {
            const comment = `# Exception (${exception.rule}): ${exception.reason}`;
            return !Object.entries(stack.files).some(
              ([path, text]) => path.startsWith("compose") && text.includes(comment),
            );
          })
          .map((exception) => `${service.name}: ${exception.rule}`),
      ),
  },
  {
    source: "own",
    name: "routes, probes, migrations, jobs, what is typed or asked, and data sources name services and volumes that exist",
    broken(stack) {
      const { routes, probes, migrations, jobs, shortcuts, actions, inspections, dataSources } = stack.model;
      const { services, volumes } = stack.model;
      const followers = dataSources.flatMap(({ follows = [] }) => follows);
      const named = [
        ...routes.map((route) => route.service),
        ...probes.map((probe) => probe.service),
        ...migrations.flatMap((migration) => [
          migration.app,
          migration.service,
          ...(migration.seedService === undefined ? [] : [migration.seedService]),
          ...migration.needs,
          ...(migration.postgres === undefined ? [] : [migration.postgres.service]),
        ]),
        ...jobs.flatMap((job) => [job.service, ...job.needs]),
        ...shortcuts.map((shortcut) => shortcut.service),
        ...[...actions, ...inspections].flatMap((one) => one.services),
        ...[...dataSources, ...followers].map((source) => source.service),
      ];
      const known = services.map((service) => service.name);
      return [
        ...missingFrom(known, named),
        ...missingFrom(
          volumes.map((volume) => volume.name),
          [...dataSources, ...followers].map((source) => source.volume),
        ),
        ...[...migrations, ...jobs]
          .filter(({ service }) => serviceNamed(stack, service)?.class !== "job")
          .map(({ service }) => `${service} is no job`),
      ];
    },
  },
];

/** Every rule that a stack breaks, with where. */
export function brokenRules(stack: InspectedStack): string[] {
  return [...hardeningRules, ...nameRules].flatMap((rule) =>
    rule.broken(stack).map((where) => `${rule.name}: ${where}`),
  );
}
