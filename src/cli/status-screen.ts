import type { CertificateStatus, ServiceState, ServiceStatus, StatusReport } from "../operations/status-report.ts";
import { formatAge, formatSize } from "../support/units.ts";
import { type Cell, columns } from "./columns.ts";
import type { Paint, Style } from "./output.ts";

const styles: Partial<Record<ServiceState, Style>> = {
  healthy: "green",
  done: "green",
  gone: "green",
  running: "green",
  starting: "yellow",
  created: "yellow",
  paused: "yellow",
  exited: "red",
  missing: "red",
  unhealthy: "red",
  restarting: "red",
  failed: "red",
};

/** The report on one screen: what is wrong first, then everything else. */
export function statusScreen(report: StatusReport, paint: Paint, width: number | undefined): string[] {
  const now = Date.parse(report.at);
  const state: Cell = report.healthy ? { text: "healthy", style: "green" } : { text: "not healthy", style: "red" };
  const table = (rows: readonly (readonly Cell[])[]) => columns(rows, paint, width);
  const section = (title: string, rows: readonly (readonly Cell[])[]) =>
    rows.length === 0 ? [] : ["", paint("bold", title), ...table(rows.map((row) => ["", ...row]))];
  return [
    ...table([
      [{ text: report.stack, style: "bold" }, state, { text: report.at.slice(0, 19).replace("T", " "), style: "dim" }],
    ]),
    ...commandLines(report, now),
    ...report.problems.flatMap(({ message, hint }) => [
      `${paint("red", "!")} ${message}`,
      `  ${paint("dim", `-> ${hint}`)}`,
    ]),
    "",
    ...table([
      ["SERVICE", "STATE", "UP", "RESTARTS", "MEMORY", "IMAGE"].map((text) => ({ text, style: "dim" })),
      ...report.services.map((service) => serviceRow(service)),
    ]),
    ...section(
      "Routes",
      report.routes.map(({ url, service, certificate }) => [url, service, certificateText(certificate)]),
    ),
    ...section(
      "Volumes",
      report.volumes.map(({ name, bytes }) => [name, bytes === undefined ? "" : formatSize(bytes)]),
    ),
    ...section(
      "Migrations",
      report.migrations.map(({ app, last }) => [
        app,
        last === undefined ? "never run from here" : `${last.outcome}, ${ago(last.finishedAt ?? last.startedAt, now)}`,
      ]),
    ),
    ...section("Host", hostRows(report)),
  ];
}

function commandLines({ running }: StatusReport, now: number): string[] {
  if (running === undefined) return [];
  const since = running.since === undefined ? "" : `, for ${formatAge(now - Date.parse(running.since))}`;
  return [`${running.command} is at work (process ${running.pid ?? "?"}${since})`];
}

function serviceRow(service: ServiceStatus): Cell[] {
  const { name, state, replicas, uptime, restarts, memory, image } = service;
  const count = replicas.wanted <= 1 && replicas.running <= 1 ? "" : ` ${replicas.running}/${replicas.wanted}`;
  const limit = memory === undefined || memory.limit === 0 ? "" : ` / ${formatSize(memory.limit)}`;
  return [
    name,
    { text: `${state === "gone" ? "done" : state}${count}`, style: styles[state] ?? "yellow" },
    uptime === undefined ? "" : formatAge(uptime * 1_000),
    restarts === 0 ? "" : String(restarts),
    memory === undefined ? "" : `${formatSize(memory.used)}${limit}`,
    image,
  ];
}

function certificateText(certificate: CertificateStatus | undefined): Cell {
  if (certificate === undefined) return "";
  if (certificate.kind === "unreachable") return { text: `no certificate: ${certificate.reason}`, style: "red" };
  if (certificate.kind === "default") return { text: "no certificate yet (Traefik's stand-in)", style: "yellow" };
  const from = certificate.kind === "private" ? "the stack's own authority" : certificate.issuer;
  if (!certificate.matches) return { text: `a certificate for other names (${from})`, style: "red" };
  const days = Math.floor(certificate.daysLeft);
  return { text: `${days} days left (${from})`, style: days < 14 ? "yellow" : "green" };
}

function hostRows({ host }: StatusReport): Cell[][] {
  const { memory, disk } = host;
  return [
    ["memory", `${formatSize(memory.free)} free of ${formatSize(memory.total)}`],
    ...(disk === undefined
      ? []
      : [["disk", `${formatSize(disk.free)} free of ${formatSize(disk.total)} (${disk.path})`]]),
  ];
}

function ago(at: string, now: number): string {
  return `${formatAge(now - Date.parse(at))} ago`;
}
