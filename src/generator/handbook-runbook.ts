import { withDependents } from "../stack/dependents.ts";
import { parseImage } from "../stack/fields.ts";
import type { Job, Migration, StackModel } from "../stack/model.ts";
import { secretsIn } from "../stack/secret-text.ts";
import type { Service } from "../stack/service.ts";
import { typedActions, typedShortcuts } from "../stack/typed-verbs.ts";
import { shellLine } from "../support/shell-line.ts";
import { formatDuration } from "../support/units.ts";
import { composeFiles } from "./compose-document.ts";
import { urlOf } from "./handbook-backups.ts";
import { addressOf } from "./handbook-diagram.ts";
import { code, codes, table } from "./handbook-text.ts";

/** What RUNBOOK.md of a stack says, as values for its template. A section whose value is empty or false is left out. */
export function runbookValues(model: StackModel): Record<string, unknown> {
  const running = model.services.filter((service) => service.class === "long-running");
  const apps = running.filter((service) => service.group === "apps");
  const edge = running.find((service) => service.group === "edge");
  const example = apps[0] ?? running[0];
  return {
    name: model.name,
    example: example?.name ?? "SERVICE",
    networks: model.networks.length,
    edge: edge?.name ?? false,
    urls: model.routes.map((route) => `${route.certificate === undefined ? "http" : "https"}://${addressOf(route)}`),
    registries: registriesOf(apps),
    ports: [...new Set(running.flatMap((service) => service.ports.map((port) => port.published)))].join(" and "),
    hostNeeds: model.hostNeeds
      .filter((need) => "sysctl" in need)
      .map((need) => ({ ...need, file: `/etc/sysctl.d/90-${model.name}.conf` })),
    app: appExample(apps),
    shortcuts: typedShortcuts(model.shortcuts),
    psql: typedShortcuts(model.shortcuts).find(({ line }) => line.startsWith("psql"))?.line ?? false,
    actions: typedActions(model.actions),
    notes: model.notes ?? [],
    linesByHand: [
      ...model.shortcuts,
      ...model.actions.map(({ services: [service = ""], command }) => ({ service, command })),
    ].map(({ service, command }) => `docker compose exec ${service} ${shellLine(command)}`),
    postgres: model.dataSources.some((source) => source.kind === "postgres"),
    postgresName: model.dataSources.find((source) => source.kind === "postgres")?.name ?? false,
    upgrade: upgradeValues(model),
    ...migrationValues(model.migrations),
    ...jobValues(model.jobs),
    ...secretValues(model),
    ...certificateValues(model),
    destinations: model.backup.destinations.length > 0,
    url: model.backup.destinations[0] === undefined ? false : urlOf(model.backup.destinations[0]),
    files: filesTable(model),
    composeFiles: composePaths(model).join(", "),
    oneShots: codes(model.services.filter((service) => service.class === "one-shot").map((service) => service.name)),
    hasOneShots: model.services.some((service) => service.class === "one-shot"),
  };
}

/** Hosts of registries that may want a login: only the user's own images can be private. Docker Hub's are named without one. */
function registriesOf(services: readonly Service[]): string[] {
  const hosts = services.flatMap(({ image }) => {
    const [first = "", ...rest] = (parseImage(image)?.name ?? "").split("/");
    return rest.length > 0 && /[.:]/.test(first) ? [first] : [];
  });
  return [...new Set(hosts)].sort();
}

function appExample(apps: readonly Service[]): Record<string, unknown> | false {
  const app = apps.find((service) => service.tagVariable !== undefined);
  const image = app === undefined ? undefined : parseImage(app.image);
  if (app === undefined || image === undefined) return false;
  return { name: app.component, imageName: image.name, tag: image.tag ?? "TAG", tagVariable: app.tagVariable };
}

/** The first server of Postgres, and the apps that stand still while it goes to another major version. */
function upgradeValues({ dataSources, services }: StackModel): Record<string, unknown> | false {
  const source = dataSources.find(({ kind }) => kind === "postgres");
  if (source === undefined) return false;
  const needing = withDependents(services, [source.service]);
  const apps = services.filter(
    (service) => service.group === "apps" && service.class === "long-running" && needing.has(service.name),
  );
  return { name: source.name, apps: apps.length > 0 && apps.map(({ name }) => name).join(" ") };
}

function migrationValues(migrations: readonly Migration[]): Record<string, unknown> {
  return {
    migrations: migrations.map((migration) => ({ ...migration, seedService: migration.seedService ?? false })),
    migrationJobs: codes(
      migrations.flatMap(({ service, seedService }) => [service, ...(seedService ? [seedService] : [])]),
    ),
    severalMigrations: migrations.length > 1,
    seeds: migrations.some((migration) => migration.seedService !== undefined),
  };
}

function jobValues(jobs: readonly Job[]): Record<string, unknown> {
  const rows = jobs.map(({ name, schedule, timezone, timeout, catchUp }): [string, string, string, string] => [
    code(name),
    `${code(schedule)} (${timezone})`,
    formatDuration(timeout),
    catchUp ? "run once" : "told",
  ]);
  return {
    jobs: jobs.length > 0 && table(["Job", "When", "Stopped after", "Times that were missed"], rows),
    firstJob: jobs[0]?.name ?? false,
  };
}

function secretValues(model: StackModel): Record<string, unknown> {
  const random = model.secrets.filter((file) => file.kind === "random");
  const supplied = model.secrets.filter((file) => file.kind === "supplied");
  const composed = model.secrets.filter((file) => file.kind === "composed");
  const inUse = new Set(composed.flatMap((file) => secretsIn(file.content)));
  const rotating = random.find((file) => inUse.has(file.name)) ?? random[0];
  return {
    supplied,
    random: codes(random.map((file) => file.name)),
    rotating: rotating?.name ?? false,
    composed: composed.length > 0 ? codes(composed.map((file) => file.name)) : false,
    firstSupplied: supplied[0]?.name ?? false,
  };
}

function certificateValues(model: StackModel): Record<string, unknown> {
  const hostsOf = (kind: string) => [
    ...new Set(model.routes.filter((route) => route.certificate?.kind === kind).map((route) => route.host)),
  ];
  const isRouted = (host: string) => model.routes.some((route) => route.host === host);
  // Servers may have certificates among themselves, which nobody has to trust.
  const [own] = model.secrets.flatMap((file) =>
    file.kind === "certificate" && file.hosts.some(isRouted) ? [file] : [],
  );
  const localHosts = own?.hosts ?? [];
  return {
    acmeHosts: hostsOf("acme"),
    acmeHost: hostsOf("acme")[0] ?? false,
    fileHosts: codes(hostsOf("file")),
    hasFiles: hostsOf("file").length > 0,
    authority: own?.authorityName ?? false,
    certificate: own?.name ?? false,
    localHost: localHosts[0] ?? false,
    localHosts: codes(localHosts),
    namesForHosts: localHosts.filter((host) => host !== "localhost" && !host.endsWith(".localhost")),
  };
}

function composePaths(model: StackModel): string[] {
  return composeFiles
    .filter(
      (file) => file.path === "compose.yaml" || model.services.some((service) => file.groups.includes(service.group)),
    )
    .map((file) => file.path);
}

function filesTable(model: StackModel): string {
  const config = [...new Set(model.files.filter((file) => file.path.startsWith("config/")).map(folderOf))].sort();
  const rows: [path: string, about: string, owner: string][] = [
    ["stack.yaml", "the one file to edit: everything else follows from it", "you"],
    [
      "secrets/",
      "passwords, keys, certificates; one file each",
      "you; what is missing is made by `generate` and `start`",
    ],
    ["compose.override.yaml", "what stack.yaml cannot say; Docker Compose reads it last", "you"],
    ["images.lock.json", "digests of the images, once `lock` was run", "`lock`"],
    ...composeFiles
      .filter((file) => composePaths(model).includes(file.path))
      .map((file): [string, string, string] => [file.path, file.about.replace(/\.$/, ""), "generated"]),
    [".env", "project name, list of Compose files, image tags; no secrets", "generated"],
    ...config.map((folder): [string, string, string] => [`${folder}/`, "configuration of that server", "generated"]),
    ...(model.routes.length > 0
      ? [["routes/", "which address goes to which service", "generated"] as [string, string, string]]
      : []),
    ["prod.sh", "the door: finds Node.js and runs the program below", "generated"],
    [".stack/", "the program itself, the full description of the stack, the journal, the history", "generated"],
    ["backups/", "copies of the data; git ignores it", "`backup run`"],
    ["RUNBOOK.md, ARCHITECTURE.md", "this page, and what the stack is made of", "generated"],
  ];
  return table(
    ["File", "What is in it", "Owner"],
    rows.map(([path, about, owner]) => [path.split(", ").map(code).join(", "), about, owner]),
  );
}

function folderOf(file: { path: string }): string {
  return file.path.split("/").slice(0, 2).join("/");
}
