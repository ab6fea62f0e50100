import type { RecoveryPoint } from "../../snapshots/freshness.ts";
import { formatAge } from "../../support/units.ts";
import type { BackupProblem, BackupStatusReport, SourceBackupStatus, StoreBackupStatus } from "./backup-status.ts";

/** What is not as it should be, the worst first, each with the next command to type. */
export function problemsOf(report: Pick<BackupStatusReport, "sources" | "stores" | "rto">): BackupProblem[] {
  const dead = new Set(report.stores.flatMap(({ store, error }) => (error === undefined ? [] : [store])));
  const problems = [
    ...report.stores.flatMap(problemsOfStore),
    ...(report.stores.some(({ offHost }) => offHost) ? [] : [onlyHere]),
    ...report.sources.flatMap((source) => problemsOfSource(source, dead, report.rto)),
    ...tooSlowTogether(report),
  ];
  return [...problems.filter(isCritical), ...problems.filter((problem) => !isCritical(problem))];
}

/** Whoever has no copies elsewhere should know it each time; a choice, and so no failure. */
const onlyHere: BackupProblem = {
  id: "only-here",
  subject: "local",
  severity: "warn",
  message: "every copy is on this server: with its disk they are lost too",
  hint: "write a destination into backup: of stack.yaml; RUNBOOK.md says how",
};

function isCritical({ severity }: BackupProblem): boolean {
  return severity === "critical";
}

function problemsOfStore(status: StoreBackupStatus): BackupProblem[] {
  const { store, error, missing, unreadable, lastDelivery, lastPrune } = status;
  const told = (id: string, severity: BackupProblem["severity"], message: string, hint: string): BackupProblem => ({
    id: `${id}/${store}`,
    subject: store,
    severity,
    message,
    hint,
  });
  if (error !== undefined)
    return [told("unreachable", "critical", error.message, error.hint ?? `./prod.sh backup doctor ${store}`)];
  const problems: BackupProblem[] = [];
  if (lastDelivery?.lastOutcome === "failed") {
    const message = `the newest delivery to ${store} failed: ${lastDelivery.message ?? ""}`;
    problems.push(told("delivery", "warn", message, `./prod.sh backup doctor ${store}`));
  }
  if (missing > 0) {
    const message = `${store} lacks ${missing === 1 ? "1 snapshot" : `${missing} snapshots`} of this host`;
    problems.push(told("missing", "warn", message, "./prod.sh backup run --only stack"));
  }
  if (unreadable > 0) {
    const message = `${unreadable === 1 ? "1 manifest" : `${unreadable} manifests`} of ${store} cannot be read`;
    problems.push(told("unreadable", "warn", message, `./prod.sh backup list --on ${store}`));
  }
  if (lastPrune !== undefined && lastPrune.held.length > 0) {
    const message = `the newest prune of ${store} left something: ${lastPrune.held.join("; ")}`;
    problems.push(told("held", "warn", message, "./prod.sh backup prune --dry-run"));
  }
  return problems;
}

function problemsOfSource(source: SourceBackupStatus, dead: ReadonlySet<string>, rto: number): BackupProblem[] {
  const { source: subject, points, runs, windows } = source;
  const told = (id: string, severity: BackupProblem["severity"], message: string, hint: string): BackupProblem => ({
    id,
    subject,
    severity,
    message,
    hint,
  });
  const run = `./prod.sh backup run --only ${subject}`;
  const late = points
    // Of a store that does not answer that is said already.
    .filter(({ state, counts, store }) => counts && state !== "ok" && !dead.has(store))
    .map((point) => {
      const severity = point.state === "critical" ? "critical" : "warn";
      return told(`late/${subject}/${point.store}`, severity, lateness(point, source.rpo), run);
    });
  const failed = Object.entries(runs)
    .filter(([, { lastOutcome }]) => lastOutcome === "failed")
    .map(([type, { message }]) =>
      told(`failed/${subject}/${type}`, "warn", `the newest ${type} of ${subject} failed: ${message ?? ""}`, run),
    );
  const holes = windows.flatMap(({ store, gap }) =>
    gap === undefined
      ? []
      : [
          told(
            `hole/${subject}/${store}`,
            "warn",
            `the log of ${subject} in ${store} has a hole: ${gap.from} to ${gap.to} are missing`,
            run,
          ),
        ],
  );
  return [...late, ...failed, ...holes, ...problemsOfDrill(source, rto)];
}

function problemsOfDrill({ source: subject, drill }: SourceBackupStatus, rto: number): BackupProblem[] {
  if (drill === undefined || (drill.ok && drill.took <= rto)) return [];
  if (drill.ok) {
    const message = `a restore of ${subject} took ${formatAge(drill.took)}, more than the ${formatAge(rto)} that it may take`;
    return [{ id: `slow/${subject}`, subject, severity: "warn", message, hint: makeFaster }];
  }
  const message = `the newest trial restore of ${subject} failed: ${drill.detail}`;
  const hint = `./prod.sh backup verify ${drill.snapshot} --deep`;
  return [{ id: `drill/${subject}`, subject, severity: "critical", message, hint }];
}

const makeFaster =
  "a faster disk or more CPU for its service, less data in it; or say under backup: in stack.yaml what it may take (rto)";

/** A lost server needs them all, one after the other. One that is too slow by itself has been told already. */
function tooSlowTogether({ sources, rto }: Pick<BackupStatusReport, "sources" | "rto">): BackupProblem[] {
  const times = sources.flatMap(({ drill }) => (drill?.ok ? [drill.took] : []));
  const total = times.reduce((sum, took) => sum + took, 0);
  if (total <= rto || times.some((took) => took > rto)) return [];
  const message = `a restore of everything took ${formatAge(total)} in all, more than the ${formatAge(rto)} that it may take`;
  return [{ id: "slow/all", subject: "stack", severity: "warn", message, hint: makeFaster }];
}

function lateness({ source, store, age }: RecoveryPoint, rpo: number): string {
  if (age === undefined) return `nothing of ${source} can be restored from ${store}`;
  return `the newest copy of ${source} in ${store} is ${formatAge(age)} old; ${formatAge(rpo)} may be lost at most`;
}
