import type { BackupStatusReport, SourceBackupStatus, StoreBackupStatus } from "../operations/backup/backup-status.ts";
import type { Freshness } from "../snapshots/freshness.ts";
import { formatAge, formatSize } from "../support/units.ts";
import { type Cell, columns } from "./columns.ts";
import type { Paint, Style } from "./output.ts";

const styles: Record<Freshness, Style> = { ok: "green", warn: "yellow", critical: "red" };

type Row = readonly Cell[];

/** The report on one screen: what is wrong first, then each source, each store, what comes next. Pure. */
export function backupStatusScreen(report: BackupStatusReport, paint: Paint, width: number | undefined): string[] {
  const section = (title: string, rows: readonly Row[]) =>
    rows.length === 0
      ? []
      : [
          "",
          paint("bold", title),
          ...columns(
            rows.map((row) => ["", ...row]),
            paint,
            width,
          ),
        ];
  return [
    ...columns([headline(report)], paint, width),
    ...report.problems.flatMap(({ severity, message, hint }) => [
      `${paint(styles[severity], "!")} ${message}`,
      `  ${paint("dim", `-> ${hint}`)}`,
    ]),
    ...section("Could be lost now", report.sources.flatMap(pointRows)),
    ...section(
      "Newest snapshots",
      report.sources.flatMap((source) => newestRows(source, report.at)),
    ),
    ...section("Any moment between", report.sources.flatMap(windowRows)),
    ...section(
      "Trial restores",
      report.sources.flatMap((source) => drillRows(source, report)),
    ),
    ...section(
      "Stores",
      report.stores.map((store) => storeRow(store, report.at)),
    ),
    ...section(
      "Not backed up",
      report.unprotected.map(({ name, reason }) => [name, reason]),
    ),
    ...section(
      "Next",
      report.nextRuns.map(({ lane, at }) => [lane, `in ${formatAge(at - report.at)}`, timeText(at)]),
    ),
  ];
}

function headline({ stack, healthy, problems, at }: BackupStatusReport): Row {
  return [{ text: stack, style: "bold" }, verdict(healthy, problems.length), { text: timeText(at), style: "dim" }];
}

function verdict(healthy: boolean, problems: number): Cell {
  if (!healthy) return { text: "backups need you", style: "red" };
  if (problems === 0) return { text: "backups are fresh", style: "green" };
  return { text: `backups are fresh, ${problems === 1 ? "1 warning" : `${problems} warnings`}`, style: "yellow" };
}

function timeText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

function pointRows({ source, rpo, points }: SourceBackupStatus): Row[] {
  return points.map(({ store, age, state, counts }, index) => [
    index === 0 ? source : "",
    store,
    { text: age === undefined ? "everything" : formatAge(age), style: counts ? styles[state] : "dim" },
    counts ? `of ${formatAge(rpo)}` : "does not count: it is lost with this host",
  ]);
}

function newestRows({ source, newest }: SourceBackupStatus, now: number): Row[] {
  return newest.map(({ type, id, store, age, bytes, checked }, index) => [
    index === 0 ? source : "",
    type,
    id,
    `${formatAge(age)} ago`,
    formatSize(bytes),
    store,
    checked === undefined
      ? { text: "not checked", style: "yellow" }
      : `${checked.level} ${formatAge(now - Date.parse(checked.at))} ago`,
  ]);
}

function windowRows({ source, windows }: SourceBackupStatus): Row[] {
  return windows.map(({ store, from, to, gap }) => [
    source,
    store,
    `${timeText(from)} and ${timeText(to)}`,
    gap === undefined ? "" : { text: `${gap.from} is missing`, style: "red" },
  ]);
}

function drillRows({ source, drill }: SourceBackupStatus, { at, rto }: BackupStatusReport): Row[] {
  if (drill === undefined) return [];
  const took = `${formatAge(drill.took)} of ${formatAge(rto)}`;
  const verdict: Cell = drill.ok
    ? { text: took, style: drill.took > rto ? "yellow" : "green" }
    : { text: "failed", style: "red" };
  return [[source, verdict, drill.snapshot, `${formatAge(at - drill.at)} ago`, drill.detail]];
}

function storeRow(store: StoreBackupStatus, now: number): Row {
  if (store.error !== undefined) return [store.store, { text: "no answer", style: "red" }];
  const { snapshots, bytes, missing, lastPrune } = store;
  return [
    store.store,
    `${snapshots} snapshots`,
    formatSize(bytes),
    missing === 0 ? "" : { text: `${missing} not delivered yet`, style: "yellow" },
    lastPrune === undefined
      ? "never pruned"
      : `pruned ${formatAge(now - lastPrune.at)} ago: ${lastPrune.removed} sets removed${lastPrune.refused > 0 ? ", skipped by policy" : ""}`,
  ];
}
