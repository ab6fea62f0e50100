import { type JobView, viewJobs } from "../../operations/jobs/view.ts";
import type { ExitCause } from "../../support/errors.ts";
import { columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { jobRow } from "../job-rows.ts";
import { openStoreContext } from "../store-context.ts";

/** Every job: when it runs next, how it went last. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = openStoreContext(call);
  const jobs = viewJobs(context);
  if (output.json) output.printJson({ jobs });
  else if (jobs.length === 0) output.print("This stack has no jobs. Add one to stack.yaml: type: job");
  else {
    const now = context.clock.now();
    const head = ["JOB", "SCHEDULE", "NEXT", "LAST"].map((text) => ({ text, style: "dim" as const }));
    output.print(columns([head, ...jobs.map((job) => jobRow(job, now))], output.paint, output.columns).join("\n"));
  }
  return jobs.every(isWell) ? "done" : "unhealthy";
}

function isWell({ last, overdueSince }: JobView): boolean {
  return overdueSince === undefined && (last === undefined || last.outcome === "ok");
}
