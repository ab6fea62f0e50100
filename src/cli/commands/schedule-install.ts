import type { SchedulerKind } from "../../operations/schedule/entry.ts";
import { thisHost } from "../../operations/schedule/host.ts";
import { type InstallResult, installSchedule, schedulerKinds } from "../../operations/schedule/install.ts";
import { didYouMean } from "../../support/suggest.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { readModel, stackOf } from "../find-stack.ts";

/** Makes backups run by themselves. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const directory = stackOf(call);
  const stack = { directory, model: readModel(directory) };
  const kind = kindOf(call.value("with"));
  const print = call.has("print");
  const result = await installSchedule(stack, thisHost(), { print, ...(kind !== undefined && { kind }) });
  if (output.json) output.printJson({ print, ...result });
  else if (print) for (const { path, content } of result.files) output.print(`# ${path}\n${content.trimEnd()}\n`);
  else output.print(linesOf(result).join("\n"));
  return "done";
}

function kindOf(text: string | undefined): SchedulerKind | undefined {
  const kind = schedulerKinds.find((one) => one === text);
  if (text !== undefined && kind === undefined)
    throw badArguments(`--with ${text}: there is no such scheduler`, didYouMean(text, schedulerKinds));
  return kind;
}

function linesOf({ changed, files, commands, see, notes }: InstallResult): string[] {
  return [
    changed
      ? "Installed: backups run by themselves now, beginning with a full one."
      : "It was installed already; nothing changed.",
    ...files.map(({ path }) => `  wrote ${path}`).filter(() => changed),
    ...commands.map((command) => `  ran ${command}`),
    ...notes.map((note) => `note: ${note}`),
    ...see.map((command) => `To look at it: ${command}`),
  ];
}
