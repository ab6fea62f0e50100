import type { DataSource, DataSourceOf } from "../stack/data-source.ts";
import type { StackModel } from "../stack/model.ts";
import { formatAge } from "../support/units.ts";
import { urlOf, volumeInDocker } from "./handbook-backups.ts";
import { code, codes } from "./handbook-text.ts";

/** What the restore page of a stack says, as values for its template. */
export function restoreValues(model: StackModel): Record<string, unknown> {
  const files = filesOf(model);
  const servers = model.dataSources.filter(({ kind }) => kind !== "volume");
  const { destinations, rto } = model.backup;
  const hosts = model.routes.filter(({ certificate }) => certificate?.kind === "acme").map(({ host }) => host);
  return {
    name: model.name,
    example: exampleApp(model),
    toolbox: model.backup.toolbox,
    files: files[0] !== undefined && { name: files[0].name, volume: volumeInDocker(model, files[0].volume) },
    severalFiles: files.length > 1,
    otherFiles: codes(files.slice(1).map(({ name }) => name)),
    ...databaseValues(model),
    server: servers[0]?.name ?? false,
    servers: servers.length > 0 && servers.map((source) => ({ name: source.name, what: whatOf(source) })),
    severalServers: servers.length > 1,
    serverNames: servers.map(({ name }) => code(name)).join(", "),
    destinations:
      destinations.length > 0 &&
      destinations.map(({ name, endpoint, region, ...where }) => ({
        name,
        url: urlOf(where),
        endpoint: endpoint ?? false,
        region: region ?? false,
      })),
    offsite: destinations[0] ?? false,
    several: destinations.length > 1,
    acmeHost: hosts[0] ?? false,
    rto: formatAge(rto),
    copies: copiesOf(model),
  };
}

export function sourcesOf<Kind extends DataSource["kind"]>(model: StackModel, kind: Kind): DataSourceOf<Kind>[] {
  return model.dataSources.filter((source): source is DataSource & DataSourceOf<Kind> => source.kind === kind);
}

/** Volumes with files, those of apps first: the ones that somebody deletes something in. */
function filesOf(model: StackModel): DataSourceOf<"volume">[] {
  const isOfApp = ({ service }: DataSource) =>
    model.services.some(({ name, group }) => name === service && group === "apps");
  const files = sourcesOf(model, "volume");
  return [...files.filter(isOfApp), ...files.filter((source) => !isOfApp(source))];
}

function exampleApp({ services }: StackModel): string {
  const running = services.filter((service) => service.class === "long-running");
  return (running.find(({ group }) => group === "apps") ?? running[0])?.name ?? "SERVICE";
}

function databaseValues(model: StackModel): Record<string, unknown> {
  const all = sourcesOf(model, "postgres").flatMap((source) => source.databases.map((name) => ({ source, name })));
  const [first] = all;
  if (first === undefined) return { database: false, severalDatabases: false, otherDatabases: "" };
  const isOnly = model.shortcuts.filter(({ verb }) => verb === "psql").length === 1;
  return {
    database: {
      server: first.source.name,
      service: first.source.service,
      name: first.name,
      of: isOnly ? "" : ` ${first.source.component}`,
    },
    severalDatabases: all.length > 1,
    otherDatabases: codes(all.slice(1).map(({ source, name }) => `${source.name}/${name}`)),
  };
}

/** How old the newest copy before a moment is at most, in the words of the schedule. */
function copiesOf({ dataSources, backup: { schedule } }: StackModel): string {
  const copies = dataSources.filter(({ kind }) => kind !== "postgres").map(({ name }) => name);
  if (copies.length === 0) return "";
  return `${codes(copies)} as of the newest copy before that moment (copies are made at ${code(schedule.increment)})`;
}

function whatOf(source: DataSource): string {
  if (source.kind === "postgres") return "all of its databases, to that moment";
  return "the newest copy before that moment";
}
