import type { Undo } from "./journal.ts";

/** One change, with the reason for it. */
export interface Step {
  /** Unique in its plan: `pull:web`. */
  id: string;
  /** What is done, one word or two: `pull`, `start`. */
  action: string;
  /** What it is done to: a service, an image. */
  resource: string;
  /** Why: `the engine does not have this image`. */
  cause: string;
  /** How to take it back, known before it is done. */
  undo?: Undo;
}

/** What an operation is going to do, in order. Computed from what is wanted and what is there; nothing decides later. */
export interface Plan<PlannedStep extends Step = Step> {
  /** `start`, `stop`. */
  operation: string;
  steps: PlannedStep[];
}

/** A step whose id follows from what it does. */
export function step(action: string, resource: string, cause: string, undo?: Undo): Step {
  return { id: `${action}:${resource}`, action, resource, cause, ...(undo === undefined ? {} : { undo }) };
}

/** The plan as lines: for `--dry-run`, for people and for tests. */
export function renderPlan(plan: Plan): string[] {
  if (plan.steps.length === 0) return [`${plan.operation}: nothing to do`];
  return plan.steps.map(({ action, resource, cause }) => `${action} ${resource}: ${cause}`);
}
