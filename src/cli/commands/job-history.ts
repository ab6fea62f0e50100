import { runText } from "../../operations/jobs/history.ts";
import { jobHistory } from "../../operations/jobs/view.ts";
import { type Cell, columns } from "../columns.ts";
import type { Call } from "../command.ts";
import { countOption } from "../option-values.ts";
import { openStoreContext } from "../store-context.ts";

const usualCount = 30;

/** The runs of a job, newest first. */
export async function run(call: Call): Promise<"done"> {
  const { output, words } = call;
  const [name = ""] = words;
  const count = countOption(call, "last") ?? usualCount;
  const context = openStoreContext(call);
  const runs = jobHistory(context, name).slice(0, count);
  if (output.json) output.printJson({ job: name, runs });
  else if (runs.length === 0) output.print(`${name} has not run yet`);
  else {
    const rows = runs.map((one): Cell[] => {
      const text = runText(one, context.clock.now());
      const by = one.cause === "hand" ? "by hand" : "";
      return [
        one.startedAt.slice(0, 19).replace("T", " "),
        one.id,
        isGood(one.outcome) ? text : { text, style: "red" },
        by,
      ];
    });
    const head = ["BEGAN (UTC)", "RUN", "END", ""].map((text) => ({ text, style: "dim" as const }));
    output.print(columns([head, ...rows], output.paint, output.columns).join("\n"));
  }
  return "done";
}

function isGood(outcome: string): boolean {
  return outcome === "ok" || outcome === "running";
}
