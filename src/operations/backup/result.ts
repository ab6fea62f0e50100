import type { SnapshotType } from "../../snapshots/manifest.ts";
import type { Checked, Lane } from "./kinds.ts";

/** A failure as it is told: what happened and what to do. */
export interface Failure {
  code: string;
  message: string;
  hint?: string;
  details?: string[];
}

/** How it went with one snapshot of one source. */
export interface SourceResult {
  source: string;
  /** `log`: what a database server logged since was shipped. */
  type: SnapshotType | "log";
  outcome: "ok" | "failed";
  id?: string;
  /** Bytes in the local store. */
  bytes?: number;
  /** Milliseconds. */
  took: number;
  checks: Checked[];
  warnings: string[];
  error?: Failure;
}

/** How it went with one destination. */
export interface DeliveryResult {
  destination: string;
  outcome: "ok" | "failed";
  /** Snapshots that arrived in this run, and their bytes. */
  snapshots: number;
  bytes: number;
  /** Milliseconds. */
  took: number;
  /** Snapshots that are not there yet. */
  missing: number;
  error?: Failure;
}

/** What one call of `backup run` came to. */
export interface RunResult {
  run: string;
  lane: Lane | "log";
  /** Milliseconds since 1970. */
  startedAt: number;
  finishedAt: number;
  sources: SourceResult[];
  deliveries: DeliveryResult[];
  /** Things that the reader should know although nothing failed. */
  notes: string[];
}

/** `failed`: nothing worked; `partial`: something did. */
export function outcomeOf({ sources, deliveries }: RunResult): "ok" | "partial" | "failed" {
  const all = [...sources, ...deliveries].map(({ outcome }) => outcome);
  if (all.every((outcome) => outcome === "ok")) return "ok";
  return all.some((outcome) => outcome === "ok") ? "partial" : "failed";
}
