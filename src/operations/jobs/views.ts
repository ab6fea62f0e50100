import type { Context } from "../context.ts";
import type { JobView } from "./view.ts";

/** How each job of a stack stands. A stack without jobs loads nothing of what reads cron lines. */
export async function jobViews(context: Pick<Context, "directory" | "model" | "clock">): Promise<JobView[]> {
  return context.model.jobs.length === 0 ? [] : (await import("./view.ts")).viewJobs(context);
}
