import type { BackupDestination } from "../stack/backup-settings.ts";
import type { DataSource } from "../stack/data-source.ts";
import type { StackModel } from "../stack/model.ts";
import { formatAge } from "../support/units.ts";
import { code, table } from "./handbook-text.ts";

/** What a stack's documents call its copies: `s3://shop-backups/shop`. */
export function urlOf({ bucket, prefix }: Pick<BackupDestination, "bucket" | "prefix">): string {
  return `s3://${bucket}/${prefix}`;
}

/** Name in the engine of a volume of the model. */
export function volumeInDocker(model: Pick<StackModel, "name">, volume: string): string {
  return `${model.name}_${volume}`;
}

/** What the page on setting backups up says, as values for its template. */
export function backupsValues(model: StackModel): Record<string, unknown> {
  const { backup } = model;
  const { destinations, encrypt, keep } = backup;
  return {
    name: model.name,
    configured: destinations.length > 0 || encrypt.kind !== "none",
    destinations: destinations.length > 0,
    destinationNames: destinations.map(({ name }) => code(name)).join(" and "),
    destinationsTable: indented(destinationsTable(model)),
    ...encryptionValues(model),
    unprotected:
      model.unprotected.length === 0
        ? "nothing"
        : model.unprotected.map(({ name, reason }) => `${code(name)} (${reason})`).join(", "),
    firstSource: model.dataSources[0]?.name ?? "stack",
    keepRemote: formatAge(keep.remote),
    scheduleText: scheduleText(model),
    reportText: reportText(model),
    keepText: keepText(model),
    atLeast: keep.atLeast,
  };
}

/** Which way of encryption a page has to tell of. `off`: stack.yaml says so for destinations that it has. */
export function encryptionValues({ backup }: Pick<StackModel, "backup">): Record<string, boolean> {
  const { kind } = backup.encrypt;
  return { age: kind === "age", gpg: kind === "gpg", off: kind === "none" };
}

/** Where copies go beyond this server. */
export function destinationsTable({ backup }: Pick<StackModel, "backup">): string {
  return table(
    ["Destination", "Where", "Kept for", "Keys"],
    backup.destinations.map(({ name, endpoint, region, keep, credentials, appendOnly, ...where }) => [
      code(name),
      `${code(urlOf(where))} ${endpoint === undefined ? (region ?? "AWS") : `at ${endpoint}`}`,
      appendOnly ? "as the bucket's own rules say" : formatAge(keep ?? backup.keep.remote),
      code(`secrets/${credentials}`),
    ]),
  );
}

function scheduleText({ backup: { schedule }, dataSources }: StackModel): string {
  const hasLog = dataSources.some(({ kind }) => kind === "postgres");
  const parts = [
    `Everything in full: ${code(schedule.full)}.`,
    ...(hasLog ? [`The log of Postgres: each minute. Dumps of its databases: ${code(schedule.dump)}.`] : []),
    `What changed: ${code(schedule.increment)}.`,
    `Trial restores of the newest copies: ${code(schedule.drill)}.`,
    `As cron lines, in the time zone ${schedule.timezone}.`,
  ];
  return parts.join("\n   ");
}

/** As part of a numbered step. */
function indented(text: string): string {
  return text.replaceAll(/^/gm, "   ");
}

function reportText({ backup: { report } }: StackModel): string {
  const told = [
    ...(report.ping === undefined ? [] : ["`ping` is requested after each run without a failure, and only then"]),
    ...(report.webhook === undefined ? [] : ["`webhook` gets a JSON document of each run"]),
    ...(report.textfile === undefined ? [] : [`metrics for the node exporter lie in ${code(report.textfile)}`]),
  ];
  if (told.length > 0) return `${told.join("; ")}.`;
  return [
    "Nobody is told yet. Under `backup:` in stack.yaml, `report:` takes `ping` (a secret with an address that is requested after each good run),",
    "`webhook` (one with an address that gets a JSON document of each run) and `textfile` (a folder of the node exporter).",
  ].join("\n   ");
}

function keepText({ backup: { keep, destinations } }: StackModel): string {
  const away = destinations.length === 0 ? "" : `, ${formatAge(keep.remote)} at destinations`;
  return `${formatAge(keep.local)} on this server${away}; every increment for ${formatAge(keep.frequent)}, then the last of each day.`;
}

const kinds: Record<DataSource["kind"], { how: string; when: (schedule: StackModel["backup"]["schedule"]) => string }> =
  {
    postgres: {
      how: "physical copy, its log each minute, and a dump of each database",
      when: ({ full, dump }) => `${code(full)}, dumps ${code(dump)}`,
    },
    dump: { how: "all that the server holds, written by the server itself", when: ({ increment }) => code(increment) },
    "object-store": { how: "every object that is new, and a list of all", when: ({ increment }) => code(increment) },
    volume: {
      how: "archive of the files",
      when: ({ full, increment }) => `${code(full)}, what changed ${code(increment)}`,
    },
  };

/** Everything that is backed up, how and when. */
export function sourcesTable(model: StackModel): string {
  const { schedule } = model.backup;
  return table(
    ["Source", "Volume", "How it is copied", "When", "Meanwhile"],
    [
      ...model.dataSources.map((source) => [
        code(source.name),
        code(source.volume),
        kinds[source.kind].how,
        kinds[source.kind].when(schedule),
        meanwhile(source),
      ]),
      [code("stack"), "-", secretsKept(model), code(schedule.full), "-"],
    ],
  );
}

function secretsKept({ backup }: StackModel): string {
  const files = "stack.yaml, generated files, history";
  return backup.encrypt.kind === "none"
    ? `${files}; **without secrets/**, as nothing is encrypted`
    : `${files}, secrets/`;
}

function meanwhile(source: DataSource): string {
  if (source.kind !== "volume") return "serves on";
  const { consistency, service } = source;
  if (consistency.kind === "live") return "serves on";
  if (consistency.kind === "exec") return `${code(service)} runs a command before`;
  return `${code(service)} ${consistency.kind === "stop" ? "is stopped" : "is paused"}`;
}

/** What is left out on purpose. */
export function unprotectedTable({ unprotected }: Pick<StackModel, "unprotected">): string {
  return table(
    ["Not backed up", "Why"],
    unprotected.map(({ name, reason }) => [code(name), reason]),
  );
}
