import type {
  CertificateStatus,
  MigrationStatus,
  ServiceState,
  ServiceStatus,
  StatusReport,
} from "../operations/status-report.ts";
import { formatAge, formatSize } from "../support/units.ts";
import { type Cell, columns } from "./columns.ts";
import { jobRow } from "./job-rows.ts";
import type { Paint, Style } from "./output.ts";

const stateStyles: Partial<Record<ServiceState, Style>> = {
  healthy: "green",
  done: "green",
  gone: "green",
  running: "green",
  starting: "yellow",
  created: "yellow",
  paused: "yellow",
};

const daysToWorry = 14;
const memoryToWorry = 0.9;

type Row = readonly Cell[];

/** The report on one screen: what is wrong first, then everything else. Pure. */
export function statusScreen(report: StatusReport, paint: Paint, width: number | undefined): string[] {
  const now = Date.parse(report.at);
  const table = (rows: readonly Row[]) => columns(rows, paint, width);
  const section = (title: string, rows: readonly Row[]) =>
    rows.length === 0 ? [] : ["", paint("bold", title), ...table(rows.map((row) => ["", ...row]))];
  return [
    ...table([headline(report)]),
    ...commandLines(report, now),
    ...report.problems.flatMap(({ message, hint }) => [
      `${paint("red", "!")} ${message}`,
      `  ${paint("dim", `-> ${hint}`)}`,
    ]),
    "",
    ...table([heading(), ...report.services.map(serviceRow)]),
    ...section("Components", report.components.flatMap(componentRows)),
    ...section(
      "Routes",
      report.routes.map(({ url, service, certificate }) => [url, service, certificateCell(url, certificate)]),
    ),
    ...section("Volumes", volumeRows(report)),
    ...section(
      "Migrations",
      report.migrations.map((migration) => migrationRow(migration, now)),
    ),
    ...section(
      "Jobs",
      report.jobs.map((job) => jobRow(job, now)),
    ),
    ...section("Host", hostRows(report)),
    ...section("Monitoring", monitoringRows(report, now)),
    ...section("Kept running by", supervisorRows(report, now)),
  ];
}

function headline({ stack, environment, healthy, problems, at }: StatusReport): Row {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const verdict: Cell = healthy ? { text: "healthy", style: "green" } : { text: count, style: "red" };
  const where = environment === undefined ? [] : [environment];
  return [{ text: stack, style: "bold" }, ...where, verdict, { text: at.slice(0, 19).replace("T", " "), style: "dim" }];
}

function commandLines({ running }: StatusReport, now: number): string[] {
  if (running === undefined) return [];
  const since = running.since === undefined ? "" : `, for ${formatAge(now - Date.parse(running.since))}`;
  return [`${running.command} is at work (process ${running.pid ?? "?"}${since})`];
}

function heading(): Row {
  const names = ["SERVICE", "STATE", "RUNS", "UP", "RESTARTS", "MEMORY", "IMAGE"];
  return names.map((text) => ({ text, style: "dim" }));
}

function serviceRow(service: ServiceStatus): Row {
  const { name, known, state, replicas, uptime, restarts, memory, image } = service;
  const runs = `${replicas.running}/${replicas.wanted}`;
  const oneShot = service.class === "one-shot";
  return [
    known ? name : `${name} (override)`,
    { text: stateText(service), style: stateStyles[state] ?? "red" },
    oneShot ? "" : replicas.running === replicas.wanted ? runs : { text: runs, style: "red" },
    uptime === undefined ? "" : formatAge(uptime * 1_000),
    restarts === 0 ? "" : { text: String(restarts), style: "yellow" },
    memory === undefined ? "" : memoryCell(memory),
    // A digest is for machines; the tag beside it is what people know.
    image.replace(/@sha256:[0-9a-f]+$/, ""),
  ];
}

function stateText({ state, exitCode }: ServiceStatus): string {
  if (state === "gone") return "done";
  const ended = state === "exited" || state === "failed";
  return ended && exitCode !== undefined ? `${state} (${exitCode})` : state;
}

function memoryCell({ used, limit }: { used: number; limit: number }): Cell {
  if (limit === 0) return formatSize(used);
  const text = `${formatSize(used)} / ${formatSize(limit)}`;
  return used > limit * memoryToWorry ? { text, style: "yellow" } : text;
}

/** One line for each fact; the component's name stands before the first. */
function componentRows({ component, facts }: StatusReport["components"][number]): Row[] {
  return Object.entries(facts).map(([name, value], index) => [index === 0 ? component : "", name, value]);
}

function certificateCell(url: string, certificate: CertificateStatus | undefined): Cell {
  if (certificate === undefined) return url.startsWith("http:") ? "no certificate (plain HTTP)" : "";
  if (certificate.kind === "unreachable") return { text: `not reached: ${certificate.reason}`, style: "red" };
  if (certificate.kind === "default") return { text: "no certificate yet (Traefik's stand-in)", style: "red" };
  const { daysLeft, issuer, matches } = certificate;
  const from = certificate.kind === "private" ? "the stack's own authority" : issuer;
  if (!matches) return { text: `a certificate for other names (${from})`, style: "red" };
  if (daysLeft < 0) return { text: `expired (${from})`, style: "red" };
  const left = `${daysLeft} ${daysLeft === 1 ? "day" : "days"} left (${from})`;
  return { text: left, style: daysLeft < daysToWorry ? "yellow" : "green" };
}

/** Names alone fit on one line; with sizes they are a table. */
function volumeRows({ volumes }: StatusReport): Row[] {
  if (volumes.length === 0) return [];
  if (volumes.every(({ bytes }) => bytes === undefined)) return [[volumes.map(({ name }) => name).join(", ")]];
  return volumes.map(({ name, bytes }) => [name, bytes === undefined ? "unknown" : formatSize(bytes)]);
}

function migrationRow({ app, last }: MigrationStatus, now: number): Row {
  if (last === undefined) return [app, "not run yet"];
  const code = last.exitCode === undefined || last.exitCode === 0 ? "" : ` (exit code ${last.exitCode})`;
  const text = `${last.outcome}${code}, ${formatAge(now - Date.parse(last.finishedAt ?? last.startedAt))} ago`;
  return [app, last.outcome === "ok" ? text : { text, style: "red" }];
}

function hostRows({ host: { memory, disk } }: StatusReport): Row[] {
  const free = (amount: { free: number; total: number }) =>
    `${formatSize(amount.free)} free of ${formatSize(amount.total)}`;
  return [["memory", free(memory)], ...(disk === undefined ? [] : [["disk", `${free(disk)} (${disk.path})`]])];
}

function monitoringRows({ monitoring }: StatusReport, now: number): Row[] {
  if (monitoring === undefined) return [];
  const { alerts, targetsDown, metricsWrittenAt, logStores = {} } = monitoring;
  const count = (list: readonly unknown[] | undefined, none: string): Cell => {
    if (list === undefined) return { text: "not known", style: "yellow" };
    return list.length === 0 ? none : { text: String(list.length), style: "red" };
  };
  const quiet = (alerts ?? []).filter((alert) => alert.quiet).length;
  return [
    [
      "alerts firing",
      count(
        alerts?.filter((alert) => !alert.quiet),
        "none",
      ),
      quiet === 0 ? "" : `and ${quiet} quiet`,
    ],
    ["targets down", count(targetsDown, "none"), ""],
    [
      "metrics written",
      metricsWrittenAt === undefined ? { text: "never", style: "yellow" } : ago(metricsWrittenAt, now),
      "",
    ],
    ...Object.entries(logStores).map(([component, bytes]): Row => ["kept logs", formatSize(bytes), component]),
  ];
}

function supervisorRows({ supervisor }: StatusReport, now: number): Row[] {
  if (supervisor === undefined) return [];
  const { schedule, watch } = supervisor;
  const notInstalled = (verb: string): Cell => ({ text: `not installed: ./prod.sh ${verb} install`, style: "yellow" });
  return [
    [
      "schedule",
      schedule.installed.length === 0 ? notInstalled("schedule") : schedule.installed.join(", "),
      schedule.lastCall === undefined ? "never called" : `called ${ago(schedule.lastCall, now)}`,
    ],
    [
      "watch",
      watch.running
        ? "running"
        : watch.installed
          ? { text: "installed, not running", style: "red" }
          : notInstalled("watch"),
      watch.lastLook === undefined ? "" : `looked ${ago(watch.lastLook, now)}`,
    ],
  ];
}

function ago(time: string, now: number): string {
  return `${formatAge(now - Date.parse(time))} ago`;
}
