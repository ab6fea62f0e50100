import type {
  CertificateStatus,
  MigrationStatus,
  ServiceState,
  ServiceStatus,
  StatusReport,
} from "../operations/status-report.ts";
import { formatAge, formatSize } from "../support/units.ts";
import type { Paint, Style } from "./output.ts";

const plain: Paint = (_, text) => text;
const daysToWorry = 14;

const stateStyles: Partial<Record<ServiceState, Style>> = {
  healthy: "green",
  running: "green",
  done: "dim",
  gone: "dim",
  starting: "yellow",
  created: "yellow",
  paused: "yellow",
};

/** The report as one screen: what is wrong comes first, then tables. Ends without a line break. */
export function renderStatus(report: StatusReport, paint: Paint = plain): string {
  const sections = [
    [headline(report, paint), ...problemLines(report, paint), ...commandLines(report, paint)],
    table(serviceRows(report, paint)),
    table(routeRows(report, paint)),
    table(volumeRows(report, paint)),
    table([...migrationRows(report, paint), ...hostRows(report)]),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** The same for `--watch` on a terminal: drawn over what stood there, each line cleared to its end. */
export function redrawn(text: string): string {
  return `\u001b[H${text.replaceAll("\n", "\u001b[K\n")}\u001b[K\n\u001b[J`;
}

function headline({ stack, healthy, problems, at }: StatusReport, paint: Paint): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const verdict = healthy ? paint("green", "healthy") : paint("red", count);
  return `${paint("bold", stack)}: ${verdict}  ${paint("dim", at.replace("T", " ").replace(/\.\d+Z$/, " UTC"))}`;
}

function problemLines({ problems }: StatusReport, paint: Paint): string[] {
  return problems.flatMap(({ message, hint }) => [
    `  ${paint("red", "!")} ${message}`,
    `    ${paint("dim", "next:")} ${hint}`,
  ]);
}

function commandLines({ running, at }: StatusReport, paint: Paint): string[] {
  if (running === undefined) return [];
  const since = running.since === undefined ? "" : ` for ${formatAge(Date.parse(at) - Date.parse(running.since))}`;
  return [`  ${paint("cyan", "*")} \`${running.command}\` is at work${since} (process ${running.pid ?? "?"})`];
}

/** A cell with its look; widths are counted without it. */
interface Cell {
  text: string;
  style?: Style | undefined;
}

type Row = { cells: Cell[]; paint: Paint };

const cell = (text: string, style?: Style): Cell => ({ text, style });

/** Rows as lines, columns aligned, nothing behind the last word. */
function table(rows: readonly Row[]): string[] {
  const columns = Math.max(0, ...rows.map(({ cells }) => cells.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map(({ cells }) => (column < cells.length - 1 ? (cells[column]?.text.length ?? 0) : 0))),
  );
  return rows.map(({ cells, paint }) =>
    cells
      .map(({ text, style }, column) => {
        const space = column === cells.length - 1 ? "" : " ".repeat(Math.max(0, (widths[column] ?? 0) - text.length));
        return `${style === undefined || text === "" ? text : paint(style, text)}${space}`;
      })
      .join("  ")
      .trimEnd(),
  );
}

function heading(paint: Paint, ...texts: string[]): Row {
  return { cells: texts.map((text) => cell(text, "dim")), paint };
}

function serviceRows({ services }: StatusReport, paint: Paint): Row[] {
  if (services.length === 0) return [];
  const rows = services.map((service) => ({ cells: serviceCells(service), paint }));
  return [heading(paint, "SERVICE", "STATE", "RUNS", "UP", "RESTARTS", "MEMORY", "IMAGE"), ...rows];
}

function serviceCells(service: ServiceStatus): Cell[] {
  const { name, known, state, replicas, uptime, restarts, memory, image } = service;
  const wrongCount = replicas.running !== replicas.wanted;
  return [
    cell(known ? name : `${name} (override)`),
    cell(stateText(service), stateStyles[state] ?? "red"),
    service.class === "one-shot"
      ? cell("")
      : cell(`${replicas.running}/${replicas.wanted}`, wrongCount ? "red" : undefined),
    cell(uptime === undefined ? "" : formatAge(uptime * 1_000)),
    cell(service.class === "one-shot" ? "" : String(restarts), restarts > 0 ? "yellow" : undefined),
    memory === undefined ? cell("") : memoryCell(memory),
    cell(image.replace(/@sha256:[0-9a-f]+$/, ""), "dim"),
  ];
}

function stateText({ state, exitCode }: ServiceStatus): string {
  if (state === "gone") return "done";
  const withCode = (state === "exited" || state === "failed") && exitCode !== undefined;
  return withCode ? `${state} (${exitCode})` : state;
}

function memoryCell({ used, limit }: { used: number; limit: number }): Cell {
  if (limit === 0) return cell(formatSize(used));
  return cell(`${formatSize(used)} / ${formatSize(limit)}`, used > limit * 0.9 ? "yellow" : undefined);
}

function routeRows({ routes }: StatusReport, paint: Paint): Row[] {
  if (routes.length === 0) return [];
  const rows = routes.map(({ url, service, certificate }) => ({
    cells: [cell(url), cell(service), certificateCell(certificate, url)],
    paint,
  }));
  return [heading(paint, "ROUTE", "SERVICE", "CERTIFICATE"), ...rows];
}

function certificateCell(certificate: CertificateStatus | undefined, url: string): Cell {
  if (certificate === undefined) return cell(url.startsWith("http:") ? "none (plain HTTP)" : "not asked", "dim");
  if (certificate.kind === "unreachable") return cell(`no answer: ${certificate.reason}`, "red");
  if (certificate.kind === "default") return cell("none: Traefik's default certificate", "red");
  const { daysLeft, issuer, matches } = certificate;
  const days = daysLeft < 0 ? "expired" : `${daysLeft} ${daysLeft === 1 ? "day" : "days"} left`;
  const from = certificate.kind === "private" ? "private authority of this stack" : issuer;
  if (!matches) return cell(`for other names, from ${from}`, "red");
  return cell(`${days}, ${from}`, daysLeft < 7 ? "red" : daysLeft < daysToWorry ? "yellow" : undefined);
}

function volumeRows({ volumes }: StatusReport, paint: Paint): Row[] {
  if (volumes.length === 0) return [];
  const measured = volumes.some(({ bytes }) => bytes !== undefined);
  if (!measured) return [{ cells: [cell("volumes", "dim"), cell(volumes.map(({ name }) => name).join(", "))], paint }];
  return [
    heading(paint, "VOLUME", "SIZE"),
    ...volumes.map(({ name, bytes }) => ({
      cells: [cell(name), cell(bytes === undefined ? "unknown" : formatSize(bytes))],
      paint,
    })),
  ];
}

function migrationRows({ migrations, at }: StatusReport, paint: Paint): Row[] {
  return migrations.map(({ app, last }) => ({
    cells: [
      cell("migration", "dim"),
      cell(`${app}: ${migrationText(last, at)}`, last === undefined || last.outcome === "ok" ? undefined : "red"),
    ],
    paint,
  }));
}

function migrationText(last: MigrationStatus["last"], at: string): string {
  if (last === undefined) return "not run yet";
  const ago = formatAge(Date.parse(at) - Date.parse(last.startedAt));
  const code = last.exitCode === undefined || last.exitCode === 0 ? "" : ` (exit code ${last.exitCode})`;
  return `${last.outcome}${code}, ${ago} ago`;
}

function hostRows({ host: { memory, disk } }: StatusReport): Row[] {
  const parts = [
    ...(disk === undefined ? [] : [`${formatSize(disk.free)} of ${formatSize(disk.total)} disk free (${disk.path})`]),
    `${formatSize(memory.free)} of ${formatSize(memory.total)} memory free`,
  ];
  return [{ cells: [cell("host", "dim"), cell(parts.join(", "))], paint: plain }];
}
