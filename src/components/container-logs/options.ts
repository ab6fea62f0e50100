import { z } from "zod";
import { absolutePath } from "../../stack/fields.ts";
import type { ContributionOf, OptionProblem } from "../component.ts";

/** What can be said about the collecting of logs, whatever keeps them. */
export const collectorOptions = {
  multiline: z
    .record(z.string(), z.string({ error: "expected a regular expression" }).superRefine(isExpression))
    .default({})
    .describe("Component to the regular expression that the first line of its entries matches, for stack traces"),
  healthChecks: z
    .enum(["drop", "keep"])
    .default("drop")
    .describe("Whether access log lines of successful health checks are kept"),
  socket: absolutePath("the path of the engine's socket")
    .default("/var/run/docker.sock")
    .describe("Where the Docker engine listens on this host; a rootless engine listens elsewhere"),
};

export interface CollectorOptions {
  multiline: Record<string, string>;
  healthChecks: "drop" | "keep";
  socket: string;
}

function isExpression(text: string, issues: z.RefinementCtx): void {
  // Alloy's raw strings end at a backquote, and have no way to write one.
  if (/[`\r\n]/.test(text)) return void issues.addIssue({ code: "custom", message: "expected one line without `" });
  try {
    new RegExp(text);
  } catch {
    issues.addIssue({ code: "custom", message: `"${text}" is not a regular expression` });
  }
}

/** `multiline:` may name components of the stack alone. */
export function multilineProblems(options: CollectorOptions, all: readonly ContributionOf[]): OptionProblem[] {
  const keys = all.map(({ key }) => key);
  return Object.keys(options.multiline)
    .filter((name) => !keys.includes(name))
    .map((name) => ({
      path: ["multiline", name],
      message: `multiline names "${name}", which is not in this stack`,
      hint: `name one of ${keys.join(", ")}`,
    }));
}
