import type { Command, Group, Positional } from "./command.ts";

const job: Positional = { name: "JOB", required: true, help: "which one", completion: "job" };

export const jobGroup: Group = {
  name: "job",
  summary: "what runs by the clock",
  place: "stack",
  description:
    "Jobs stand in stack.yaml as components of type job. `schedule run` begins them at their times; see that it is installed: ./prod.sh schedule show.",
};

/** Verbs about jobs, in the order of the help text. */
export const jobCommands: Command[] = [
  {
    name: "job list",
    summary: "when each runs next, and how it went last",
    place: "stack",
    exits: ["unhealthy"],
    load: () => import("./commands/job-list.ts"),
  },
  {
    name: "job run",
    summary: "run one now, and see what it prints",
    place: "stack",
    description:
      "Never beside another run of the same job. Ctrl-C stops it. Its time limit holds, and it stands in the history.",
    positionals: [job],
    exits: ["unhealthy", "engineUnreachable", "locked"],
    load: () => import("./commands/job-run.ts"),
  },
  {
    name: "job history",
    summary: "its runs: when, how long, how they ended",
    place: "stack",
    positionals: [job],
    options: [{ name: "last", short: "n", value: "NUMBER", help: "only so many of the newest (default 30)" }],
    load: () => import("./commands/job-history.ts"),
  },
  {
    name: "job logs",
    summary: "what a run has printed; of the last 20 it is kept",
    place: "stack",
    positionals: [job, { name: "RUN", help: "id from `job history` (default: the newest)" }],
    exits: ["engineUnreachable"],
    load: () => import("./commands/job-logs.ts"),
  },
];
