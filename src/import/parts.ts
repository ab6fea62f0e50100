import type { ImportRequest } from "./import.ts";
import { keyFor } from "./names.ts";
import type { Findings, Part } from "./part.ts";
import { readEnvironment } from "./placed-problems.ts";
import type { ReadService } from "./read-service.ts";
import { type ChosenRole, chooseRoles, type RoleChoice } from "./roles.ts";

/** Of these a stack has one, under its own name. */
const single = new Set(["monitoring", "grafana", "loki", "elk", "traefik"]);

/** Each Compose service with its role, its key and what is known of it by itself. */
export function partsOf(
  services: readonly ReadService[],
  choice: RoleChoice,
  request: ImportRequest,
  findings: Findings,
): Part[] {
  const roles = chooseRoles(services, choice);
  const used = new Set<string>();
  return services.flatMap((service): Part[] => {
    const chosen = roles.get(service.name);
    if (chosen === undefined) return [];
    const isOne = chosen.role === "component" && single.has(chosen.type);
    if (isOne && used.has(chosen.type)) {
      findings.leftOut.push({ service: service.name, why: `a stack has one ${chosen.type}` });
      return [];
    }
    const key = isOne ? chosen.type : keyFor(service.name, used);
    if (chosen.role === "absorbed" || chosen.role === "left-out")
      findings.leftOut.push({ service: service.name, why: chosen.why ?? "not needed" });
    else used.add(key);
    return [partOf(service, chosen, key, services, request, findings)];
  });
}

function partOf(
  service: ReadService,
  { role, type, image }: ChosenRole,
  key: string,
  services: readonly ReadService[],
  request: ImportRequest,
  findings: Findings,
): Part {
  const links = services.flatMap((other) => other.links.filter((link) => link.service === service.name));
  const names = [
    service.name,
    service.containerName,
    service.hostname,
    ...service.networks.flatMap(({ aliases }) => aliases),
    ...links.map(({ alias }) => alias),
  ];
  return {
    service,
    image,
    role,
    type,
    key,
    environment: readEnvironment(service, request, findings),
    section: {},
    details: [],
    hosts: [...new Set(names.filter((name) => name !== undefined))],
  };
}
