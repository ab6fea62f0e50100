import type { ComposeProject } from "./compose-file.ts";
import type { Findings, Part } from "./part.ts";
import type { ReadService } from "./read-service.ts";
import { isSecret } from "./secrets-in.ts";

/** Capabilities that `type: service` can give back. */
const given = new Set(["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]);

/** Components with pages, and their pages. */
const pages = new Map([
  ["elk", "kibana"],
  ["grafana", "grafana"],
  ["loki", "grafana"],
  ["monitoring", "prometheus"],
]);

/** What a Compose service asks for that no service of a stack has, and what every service of a stack has. */
export function noteUnsafe(part: Part, findings: Findings): void {
  const { service, role } = part;
  const fixed = (was: string, now: string) => findings.fixed.push({ service: service.name, was, now });
  const lost = (what: string) => findings.notFixed.push({ service: service.name, what });
  noteNamespaces(part, fixed, lost);
  if (service.privileged) {
    fixed("privileged: owns the server", "not privileged");
    lost(
      "it was privileged and may not work without; what it needs can be given in compose.override.yaml, which is yours",
    );
  }
  if (service.securityOptions.length > 0)
    fixed(`security_opt: ${service.securityOptions.join(", ")}`, "no-new-privileges alone");
  const capabilities = service.capAdd
    .map((name) => name.replace(/^CAP_/, ""))
    .filter((name) => !given.has(name) && role !== "component" && name !== "NET_BIND_SERVICE");
  if (capabilities.length > 0) {
    fixed(`cap_add: ${capabilities.join(", ")}`, "not given");
    lost(`without ${capabilities.join(", ")} it may not work; compose.override.yaml can give it back`);
  }
  if (role === "component") noteServer(part, fixed);
  if (service.containerName !== undefined)
    part.details.push(`container_name ${service.containerName} goes: the name of the service is its address`);
  const gone = part.hosts.filter(
    (host) => host !== part.key && host !== service.containerName && host !== service.hostname,
  );
  if (gone.length > 0 && !(role === "component" && pages.has(part.type)))
    lost(
      `it is reached as ${part.key} now and no longer as ${gone.join(", ")}; env: of the others is changed, their files are not`,
    );
  if (service.links.length > 0) part.details.push("links go: services find each other by name");
  if ((service.user === "root" || service.user === "0" || service.user === "0:0") && role !== "component")
    lost("it runs as root because the file says so; try a number under user: in stack.yaml");
}

/** What a server of the catalogue no longer has in the open. */
function noteServer(part: Part, fixed: Note): void {
  const { service } = part;

  const secrets = Object.keys(part.environment).filter((name) => isSecret(name, part.environment[name] ?? ""));
  if (secrets.length > 0)
    fixed(`${secrets.join(", ")} in the environment`, "new ones are made, as files under secrets/");
  const open = service.ports.filter(({ published }) => published !== undefined);
  if (open.length > 0 && part.type !== "traefik")
    fixed(
      `published ${open.map(({ host, published }) => `${host === undefined ? "" : `${host}:`}${published}`).join(", ")}`,
      pages.has(part.type)
        ? `not published: ./prod.sh open ${pages.get(part.type)} leads to it`
        : "not published: only what uses it reaches it",
    );
}

type Note = (...words: [string, string]) => void;

function noteNamespaces({ service }: Part, fixed: Note, lost: (what: string) => void): void {
  if (service.networkMode !== undefined && /^(host|service:|container:)/.test(service.networkMode)) {
    fixed(`network_mode: ${service.networkMode}`, "the network of the stack");
    const other = /^(?:service|container):(.+)$/.exec(service.networkMode)?.[1];
    if (other !== undefined)
      lost(`it went out, and was reached, through ${other}; here it has a way of its own, past ${other}`);
    if (service.networkMode === "host")
      lost("it used the network of the host: name the ports that must be reached under publish: in stack.yaml");
  }
  if (service.shared.length > 0)
    fixed(`shares ${service.shared.join(", ")} with the host or another container`, "has its own");
}

/** Networks of the file, which a stack has not: those that kept services apart, and those that others joined from elsewhere. */
export function noteNetworks(parts: readonly Part[], declared: ComposeProject["networks"], findings: Findings): void {
  const joined = (service: ReadService) => service.networks.map(({ name }) => name);
  for (const { service } of parts) {
    const outside = joined(service).filter((name) => (declared[name]?.external ?? false) !== false);
    if (outside.length > 0)
      findings.notFixed.push({
        service: service.name,
        what: `it is no longer on ${outside.join(", ")}, which is made elsewhere: what is there reaches it no more, nor it what is there`,
      });
  }
  const all = [...new Set(parts.flatMap(({ service }) => joined(service)))];
  const apart = parts.some(({ service }) => all.some((name) => !joined(service).includes(name)));
  const inside = parts.filter(({ role }) => role === "app" || role === "service");
  if (all.length > 1 && apart && inside.length > 1)
    findings.notFixed.push({
      service: inside.map(({ service }) => service.name).join(", "),
      what: `the networks ${all.join(", ")} are gone: apps and services share one, and each server of the catalogue has one for its users`,
    });
}

/** What holds for all of them, told once. */
export function noteEverywhere(parts: readonly Part[], findings: Findings): void {
  const running = parts.filter(({ role }) => role === "app" || role === "service" || role === "component");
  const names = (filter: (part: Part) => boolean) => running.filter(filter).map(({ service }) => service.name);
  const all = (was: string, now: string, services: readonly string[]) => {
    if (services.length > 0)
      findings.fixed.push({
        service: services.length === running.length && services.length > 1 ? "every service" : services.join(", "),
        was,
        now,
      });
  };
  all(
    "no restart policy that survives a reboot",
    "restart: unless-stopped",
    names(({ service }) => !/^(always|unless-stopped)$/.test(service.restart ?? "")),
  );
  all(
    "logs without a limit",
    "30 MB of logs each, then the oldest go",
    names(({ service }) => !service.logging),
  );
  all(
    "all capabilities of Docker, new privileges possible",
    "none but those that its entry names",
    names(({ service }) => !service.privileged && !service.confined),
  );
  all(
    "depends_on without waiting for health",
    "waits until the other is healthy, where it has a health check",
    names(
      ({ service, role }) =>
        role !== "component" && service.dependsOn.some(({ condition }) => condition === "service_started"),
    ),
  );
}
