import type { ContributionOf, OptionPath } from "../components/component.ts";
import type { StackModel } from "../stack/model.ts";
import { secretsIn } from "../stack/secret-text.ts";
import type { PublishedPort } from "../stack/service.ts";
import type { Problem } from "../support/errors.ts";
import {
  filesAreUnique,
  mountTargetsAreUnique,
  networksAgree,
  secretsAreUnique,
  serviceNamesAreUnique,
  serviceNamesFit,
  volumesAreUnique,
} from "./clash-rules.ts";

/** A problem with its path from the top of stack.yaml, before it has a line. */
export type FoundProblem = Omit<Problem, "position"> & { path: OptionPath };

type Rule = (model: StackModel, contributions: readonly ContributionOf[]) => FoundProblem[];

/** What must hold between components that each are fine by themselves. Wrong input of a user is told with its place. */
const rules: Rule[] = [
  routesNeedAnEdge,
  portsPublishedOnce,
  mailServerIsReached,
  serviceNamesAreUnique,
  serviceNamesFit,
  volumesAreUnique,
  networksAgree,
  filesAreUnique,
  secretsAreUnique,
  mountTargetsAreUnique,
];

/** All broken rules of a model: what a user can cause. */
export function crossCheck(model: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  return rules.flatMap((rule) => rule(model, contributions));
}

function routesNeedAnEdge(model: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  if (model.services.some((service) => service.group === "edge")) return [];
  return contributions.flatMap(({ key, contribution }) =>
    (contribution.routeNeeds ?? []).map((route) => ({
      path: ["components", key, ...route.at],
      message: `${key} has the route ${route.host}, but nothing in this stack listens for it`,
      hint: "add traefik: {} under components",
    })),
  );
}

function portsPublishedOnce(model: StackModel): FoundProblem[] {
  const taken: { component: string; port: PublishedPort }[] = [];
  return model.services.flatMap((service) =>
    service.ports.flatMap((port, index) => {
      const other = taken.find((earlier) => sameAddress(earlier.port, port));
      taken.push({ component: service.component, port });
      if (other === undefined) return [];
      const address = `${port.published}/${port.protocol}`;
      return [
        {
          path: ["components", service.component, "publish", index],
          message:
            other.component === service.component
              ? `${service.component} publishes port ${address} twice`
              : `${service.component} publishes port ${address}, which ${other.component} publishes too`,
          hint: "give one of them another port, or a route through Traefik instead",
        },
      ];
    }),
  );
}

/** Alertmanager sends mail from a container, where 127.0.0.1 is the container itself. */
function mailServerIsReached({ monitoring, notify }: StackModel): FoundProblem[] {
  const host = notify.email?.host ?? "";
  if (monitoring === undefined || !/^(localhost|127\.[\d.]+)$/.test(host)) return [];
  return [
    {
      path: ["notify", "email", "smtp"],
      message: `${monitoring.alertmanager.service} runs in a container, where ${host} is that container and no mail server`,
      hint: "write the mail server's name, or this server's own address if the mail server listens on it",
    },
  ];
}

const everyAddress = ["0.0.0.0", "::"];

function sameAddress(a: PublishedPort, b: PublishedPort): boolean {
  if (a.published !== b.published || a.protocol !== b.protocol) return false;
  return a.host === b.host || everyAddress.includes(a.host) || everyAddress.includes(b.host);
}

/** Every name that a model without problems mentions must exist in it. Throws at a miss, which is a bug in a component. */
export function assertConsistent(model: StackModel): void {
  const known = {
    service: new Set(model.services.map((item) => item.name)),
    volume: new Set(model.volumes.map((item) => item.name)),
    network: new Set(model.networks.map((item) => item.name)),
    secret: new Set(
      model.secrets.flatMap((item) =>
        item.kind === "certificate" ? [item.name, item.keyName, item.authorityName] : [item.name],
      ),
    ),
  };
  for (const [owner, kind, name] of mentions(model)) {
    if (!known[kind].has(name)) throw new Error(`${owner} mentions the ${kind} "${name}", which is not in the model`);
  }
}

type Mention = [owner: string, kind: "service" | "volume" | "network" | "secret", name: string];

function mentions(model: StackModel): Mention[] {
  const ofServices = model.services.flatMap((service): Mention[] => [
    ...service.dependsOn.map((dependency): Mention => [service.name, "service", dependency.service]),
    ...service.mounts.flatMap((mount): Mention[] =>
      mount.kind === "volume" ? [[service.name, "volume", mount.volume]] : [],
    ),
    ...service.networks.map((network): Mention => [service.name, "network", network]),
    ...service.secrets.map((name): Mention => [service.name, "secret", name]),
  ]);
  const ofSecrets = model.secrets.flatMap((file) =>
    file.kind === "composed" ? secretsIn(file.content).map((name): Mention => [file.name, "secret", name]) : [],
  );
  return [...ofServices, ...ofSecrets];
}
