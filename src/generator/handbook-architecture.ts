import type { DataSource } from "../stack/data-source.ts";
import { parseImage } from "../stack/fields.ts";
import type { HostNeed, SecretFile, StackModel, Volume } from "../stack/model.ts";
import { secretsIn } from "../stack/secret-text.ts";
import type { Service, ServiceGroup } from "../stack/service.ts";
import { formatAge, formatDuration, formatSize } from "../support/units.ts";
import { composeFiles } from "./compose-document.ts";
import { destinationsTable, sourcesTable, unprotectedTable } from "./handbook-backups.ts";
import { addressOf, diagram, isLoopback } from "./handbook-diagram.ts";
import { memoryTable, passingTable } from "./handbook-memory.ts";
import { sharedServersTable } from "./handbook-servers.ts";
import { code, codes, count, table } from "./handbook-text.ts";

/** What ARCHITECTURE.md of a stack says, as values for its template. */
export function architectureValues(model: StackModel): Record<string, unknown> {
  return {
    name: model.name,
    summary: summary(model),
    environment: model.environment ?? "",
    diagram: diagram(model),
    services: servicesTable(model),
    startOrder: startOrderTable(model),
    jobs: jobsTable(model),
    routes: routesTable(model),
    ports: portsTable(model),
    networks: networksTable(model),
    volumes: volumesTable(model),
    backupPlaces: backupPlaces(model),
    sources: sourcesTable(model),
    destinations: destinationsTable(model),
    unprotected: unprotectedTable(model),
    rpo: formatAge(model.backup.rpo),
    rto: formatAge(model.backup.rto),
    memory: memoryTable(model),
    passing: passingTable(model),
    sharedServers: sharedServersTable(model),
    secrets: secretsTable(model),
    exceptions: exceptionsTable(model),
    hostNeeds: table(
      ["Setting", "At least", "For", "Why"],
      model.hostNeeds.map((need) => [...hostNeedCells(need), code(need.component), need.reason]),
    ),
  };
}

function hostNeedCells(need: HostNeed): [string, string] {
  if ("sysctl" in need) return [code(need.sysctl), String(need.minimum)];
  if ("memory" in need) return ["memory", formatSize(need.memory)];
  return [`processor (${need.architecture})`, need.processor.join(" or ")];
}

function summary(model: StackModel): string {
  const ofClass = (name: Service["class"]) => model.services.filter((service) => service.class === name).length;
  const hosts = new Set(model.routes.map((route) => route.host)).size;
  const parts = [
    count(ofClass("long-running"), "service"),
    ...(ofClass("one-shot") > 0 ? [count(ofClass("one-shot"), "set-up step")] : []),
    ...(ofClass("job") > 0 ? [count(ofClass("job"), "job")] : []),
    count(model.networks.length, "network"),
    count(model.volumes.length, "volume"),
    ...(hosts > 0 ? [count(hosts, "host name")] : []),
  ];
  return parts.join(", ");
}

function servicesTable(model: StackModel): string {
  return table(
    ["Service", "What it is", "Image", "User", "Compose file"],
    model.services.map((service) => [
      code(service.name),
      service.about,
      imageText(service.image),
      service.user ?? "the image's own",
      code(composeFileOf(service.group)),
    ]),
  );
}

/** Name and tag; of a digest only that it is there, the rest stands in images.lock.json. */
function imageText(reference: string): string {
  const image = parseImage(reference);
  if (image?.digest === undefined) return code(reference);
  const shown = image.tag === undefined ? image.name : `${image.name}:${image.tag}`;
  return `${code(shown)} at ${code(image.digest.slice(0, 19))}`;
}

function composeFileOf(group: ServiceGroup): string {
  return composeFiles.find((file) => file.groups.includes(group))?.path ?? "compose.yaml";
}

/** Services in the order of their start: those of one wave start side by side, each wave waits for the ones before. */
export function startWaves(services: readonly Service[]): Service[][] {
  const started = services.filter((service) => service.class !== "job");
  const known = new Map(started.map((service) => [service.name, service]));
  const waves = new Map<string, number>();
  const waveOf = (service: Service): number => {
    const before = waves.get(service.name);
    if (before !== undefined) return before;
    // Set first, so that services which wait for each other end the recursion.
    waves.set(service.name, 0);
    const depths = service.dependsOn.map((dependency) => {
      const needed = known.get(dependency.service);
      return needed === undefined ? -1 : waveOf(needed);
    });
    const wave = Math.max(-1, ...depths) + 1;
    waves.set(service.name, wave);
    return wave;
  };
  const grouped: Service[][] = [];
  for (const service of started) {
    const wave = waveOf(service);
    grouped[wave] = [...(grouped[wave] ?? []), service];
  }
  return grouped.filter((wave) => wave !== undefined);
}

function startOrderTable(model: StackModel): string {
  return table(
    ["Step", "Service", "Waits for", "Ready when"],
    startWaves(model.services).flatMap((wave, index) =>
      wave.map((service) => [
        String(index + 1),
        code(service.name),
        codes(service.dependsOn.map((dependency) => dependency.service)),
        readyWhen(service),
      ]),
    ),
  );
}

function readyWhen(service: Service): string {
  if (service.class === "one-shot") return "it has ended with exit code 0";
  if (service.healthcheck === undefined) return "it runs (no health check)";
  return `its health check passes (may take ${formatDuration(service.healthcheck.startPeriod)} to start)`;
}

function jobsTable(model: StackModel): string {
  return table(
    ["Job", "What it does"],
    model.services.filter((service) => service.class === "job").map((service) => [code(service.name), service.about]),
  );
}

function routesTable(model: StackModel): string {
  const certificates = {
    acme: "from the certificate authority, renewed by itself",
    file: "your files",
    local: "of the stack's private CA",
  };
  return table(
    ["Address", "Goes to", "Certificate"],
    model.routes.map((route) => [
      code(`${route.certificate === undefined ? "http" : "https"}://${addressOf(route)}`),
      code(`${route.service}:${route.port}`),
      route.certificate === undefined ? "none: plain HTTP" : certificates[route.certificate.kind],
    ]),
  );
}

function portsTable(model: StackModel): string {
  return table(
    ["Port", "Listens on", "Service", "Port in the container"],
    model.services.flatMap((service) =>
      service.ports.map((port) => [
        `${port.published}/${port.protocol}`,
        isLoopback(port.host) ? `${port.host} (this server alone)` : `${port.host} (open to the internet)`,
        code(service.name),
        String(port.target),
      ]),
    ),
  );
}

function networksTable(model: StackModel): string {
  return table(
    ["Network", "What for", "Way to the internet", "Who is on it"],
    model.networks.map((network) => [
      code(network.name),
      network.about,
      network.internal ? "no" : "yes",
      codes(model.services.filter((service) => service.networks.includes(network.name)).map((service) => service.name)),
    ]),
  );
}

function volumesTable(model: StackModel): string {
  return table(
    ["Volume", "Name in Docker", "What is in it", "Mounted by", "If it is lost"],
    model.volumes.map((volume) => [
      code(volume.name),
      code(`${model.name}_${volume.name}`),
      volume.about,
      codes(
        model.services
          .filter((service) => service.mounts.some((mount) => mount.kind === "volume" && mount.volume === volume.name))
          .map((service) => service.name),
      ),
      lossOf(model, volume),
    ]),
  );
}

function backupPlaces({ backup }: StackModel): string {
  const here = `Copies are made into ${code("backups/")} and kept there for ${formatAge(backup.keep.local)}`;
  if (backup.destinations.length === 0)
    return `${here}. **They are on this server alone** and go when it goes: stack.yaml names no destination.`;
  const names = codes(backup.destinations.map(({ name }) => name));
  const readers = {
    age: `the owners of ${count(backup.encrypt.kind === "age" ? backup.encrypt.recipients.length : 0, "age key")}`,
    gpg: "the owners of its GPG keys",
    none: "**anybody who reaches them**",
  };
  return `${here}; from there they go to ${names}, where they can be read by ${readers[backup.encrypt.kind]}.`;
}

const losses: Record<DataSource["kind"], string> = {
  postgres: "the databases: `restore run` brings them back",
  "object-store": "the objects: `restore run` brings them back",
  dump: "queues, sessions and what else the apps keep there: `restore run` brings them back",
  volume: "these files: `restore run` brings them back",
};

function lossOf(model: StackModel, volume: Volume): string {
  const groups = new Set(
    model.services.filter((service) => service.component === volume.component).map((service) => service.group),
  );
  if (groups.has("edge")) return "certificates are requested again; their authority limits how often in a week";
  const source = model.dataSources.find((candidate) => candidate.volume === volume.name);
  if (source !== undefined) return losses[source.kind];
  if (groups.has("apps")) return "little: stack.yaml says `backup: none`";
  const left = model.unprotected.find(({ name }) => name === volume.name);
  return left === undefined ? "nothing: made again at the next start" : `what was in it (${left.reason})`;
}

const origins: Record<SecretFile["kind"], string> = {
  random: "made at random, once",
  supplied: "**supplied by you**",
  composed: "written from other secrets",
  certificate: "made by the stack's private CA",
};

function secretsTable(model: StackModel): string {
  const readers = readersOf(model);
  const row = (name: string, about: string, origin: string) => [code(name), about, origin, readers(name)];
  return table(
    ["File under secrets/", "What it is", "Where it comes from", "Read by"],
    model.secrets.flatMap((file) => [
      row(file.name, file.about, origins[file.kind]),
      ...(file.kind === "certificate"
        ? [
            row(file.keyName, `private key of ${file.name}`, origins.certificate),
            row(
              file.authorityName,
              "certificate of the private CA; machines that are to trust it need it",
              "made once",
            ),
            row(`${file.authorityName}.key`, "private key of the private CA; never leaves this folder", "made once"),
          ]
        : []),
    ]),
  );
}

/** Tells for each secret which services see it, and which files it is written into. */
function readersOf(model: StackModel): (name: string) => string {
  const services = new Map<string, string[]>();
  const files = new Map<string, string[]>();
  const note = (map: Map<string, string[]>, name: string, reader: string) =>
    map.set(name, [...(map.get(name) ?? []), reader]);
  for (const service of model.services) {
    const seen = [...service.secrets, ...service.envFiles.map((path) => path.replace(/^secrets\//, ""))];
    for (const name of new Set(seen)) note(services, name, service.name);
  }
  for (const file of model.secrets)
    if (file.kind === "composed") for (const name of secretsIn(file.content)) note(files, name, file.name);
  return (name) => {
    const parts = [
      ...(services.has(name) ? [codes(services.get(name) ?? [])] : []),
      ...(files.has(name) ? [`by way of ${codes(files.get(name) ?? [])}`] : []),
    ];
    return parts.length === 0 ? "-" : parts.join("; ");
  };
}

function exceptionsTable(model: StackModel): string {
  return table(
    ["Service", "Excused from", "Why"],
    model.services.flatMap((service) =>
      service.exceptions.map((exception) => [code(service.name), exception.rule, exception.reason]),
    ),
  );
}
