import type { SnapshotStore, StoreReport } from "../../snapshots/store.ts";
import { messageOf } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { failureOf } from "./failure.ts";
import type { Failure } from "./result.ts";
import { openStores } from "./stores.ts";

/** More than this between two clocks, and S3 refuses requests (15 minutes) or ages come out wrong. Milliseconds. */
const skewWorthTelling = 30_000;

/** What one destination can do. */
export interface DestinationReport extends StoreReport {
  destination: string;
  offHost: boolean;
  /** True where every check passed. */
  ok: boolean;
  /** Worth knowing, no failure: nothing can be removed there, the clocks differ. */
  notes: string[];
  /** Why it could not be looked at. */
  error?: Failure;
}

export interface DoctorReport {
  ok: boolean;
  destinations: DestinationReport[];
}

/** Tries every destination, or those named, with a small object of its own; what one does never hides another. */
export async function runBackupDoctor(context: Context, names: readonly string[]): Promise<DoctorReport> {
  const destinations: DestinationReport[] = [];
  for (const store of openStores(context, names)) {
    context.progress.update(store.name, "working", "trying");
    const report = await look(context, store);
    context.progress.update(store.name, report.ok ? "done" : "failed", report.ok ? "works" : "does not work");
    destinations.push(report);
  }
  context.progress.end();
  return { ok: destinations.every(({ ok }) => ok), destinations };
}

async function look({ directory, model, signal }: Context, store: SnapshotStore): Promise<DestinationReport> {
  signal.throwIfAborted();
  const redact = redactorFor(directory, model);
  const named = { destination: store.name, offHost: store.offHost };
  try {
    const report = await store.probe();
    const checks = report.checks.map((check) => ({ ...check, detail: redact(check.detail) }));
    return { ...named, ...report, checks, ok: checks.every(({ ok }) => ok), notes: notesOf(report) };
  } catch (error) {
    signal.throwIfAborted();
    const failure = failureOf(error, redact);
    const check = { name: "open", ok: false, detail: redact(messageOf(error)) };
    return {
      ...named,
      checks: [check],
      appendOnly: false,
      objectLock: false,
      clockSkew: 0,
      ok: false,
      notes: [],
      error: failure,
    };
  }
}

function notesOf({ appendOnly, objectLock, clockSkew }: StoreReport): string[] {
  const seconds = Math.round(Math.abs(clockSkew) / 1_000);
  return [
    ...(appendOnly ? ["these credentials may not remove anything: expiry is left to the bucket's own rules"] : []),
    ...(objectLock ? ["objects are locked for a time: they cannot be removed before"] : []),
    ...(Math.abs(clockSkew) > skewWorthTelling
      ? [`its clock is ${seconds} s ${clockSkew > 0 ? "ahead of" : "behind"} this server's: set the time (timedatectl)`]
      : []),
  ];
}
