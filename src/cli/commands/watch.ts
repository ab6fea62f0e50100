import { statSync } from "node:fs";
import { connectEngine } from "../../engine/connect.ts";
import { silentProgress } from "../../operations/progress.ts";
import { thisHost } from "../../operations/schedule/host.ts";
import {
  installWatch,
  removeWatch,
  showWatch,
  type WatchInstall,
  type WatchReport,
} from "../../operations/watch/install.ts";
import { watch } from "../../operations/watch/watch.ts";
import { systemClock } from "../../support/clock.ts";
import type { ExitCause } from "../../support/errors.ts";
import { didYouMean } from "../../support/suggest.ts";
import { parseDuration } from "../../support/units.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { readModel, stackOf } from "../find-stack.ts";

const actions = ["install", "show", "remove"];
const leastPause = 2_000;
const usualPause = 15_000;

/** Watches the stack until it is ended; or has systemd do it, shows it, takes it away. */
export async function run(call: Call): Promise<ExitCause> {
  const [action] = call.words;
  if (action === undefined) return watchNow(call);
  if (action === "install") return install(call);
  if (action === "show") return show(call);
  if (action === "remove") return remove(call);
  throw badArguments(`watch ${action}: there is no such action`, didYouMean(action, actions));
}

async function watchNow(call: Call): Promise<ExitCause> {
  const directory = stackOf(call);
  const every = pauseOf(call.value("every"));
  const program = programAt(call.carried.path);
  // The journal of systemd notes the time by itself.
  const stamp =
    process.env.JOURNAL_STREAM === undefined ? () => `${new Date().toISOString().slice(0, 19)}Z ` : () => "";
  const end = await watch(
    {
      directory,
      clock: systemClock,
      signal: call.signal,
      progress: silentProgress,
      model: () => readModel(directory),
      connect: async () => (await connectEngine()).engine,
      say: (line) => call.output.print(`${stamp()}${line}`),
      // Whoever keeps it running starts the new one; without such a one the old one had better stay.
      isReplaced: () => process.env.INVOCATION_ID !== undefined && programAt(call.carried.path) !== program,
    },
    { every: every ?? usualPause },
  );
  if (end === "replaced") call.output.print("ending: the program was replaced, and the new one is to be started");
  return "done";
}

/** Tells one version of the program from another. */
function programAt(path: string | undefined): string {
  try {
    const { mtimeMs, size } = statSync(path ?? "");
    return `${mtimeMs} ${size}`;
  } catch {
    return "";
  }
}

function pauseOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const pause = parseDuration(text);
  if (pause === undefined) throw badArguments(`--every ${text} is no time`, "write it as 15s or 1m");
  if (pause < leastPause) throw badArguments(`--every ${text} is too often`, "2s is the shortest");
  return pause;
}

async function install(call: Call): Promise<ExitCause> {
  const { output } = call;
  const directory = stackOf(call);
  const every = call.value("every");
  pauseOf(every);
  const result = await installWatch({ directory, model: readModel(directory) }, thisHost(), {
    ...(every !== undefined && { every }),
  });
  if (output.json) output.printJson(result);
  else output.print(installLines(result).join("\n"));
  return "done";
}

function installLines({ changed, path, commands, notes, see }: WatchInstall): string[] {
  return [
    changed ? "Installed: the stack is watched from now on." : "It was installed already; nothing changed.",
    ...(changed ? [`  wrote ${path}`] : []),
    ...commands.map((command) => `  ran ${command}`),
    ...notes.map((note) => `note: ${note}`),
    ...see.map((command) => `To look at it: ${command}`),
  ];
}

function show(call: Call): ExitCause {
  const { output } = call;
  const directory = stackOf(call);
  const report = showWatch(
    { directory, model: readModel(directory), clock: systemClock },
    thisHost(),
    call.value("every"),
  );
  if (output.json) output.printJson(report);
  else output.print(showLines(report).join("\n"));
  return "done";
}

function showLines({ installed, running, lookedAt, path, content, restarted }: WatchReport): string[] {
  return [
    running === undefined
      ? "Nobody watches this stack now."
      : `Watched by process ${running.pid} since ${running.since}${lookedAt === undefined ? "" : `, last look at ${lookedAt}`}.`,
    ...restarted.map(({ service, restarts, at }) => `Restarted: ${service}, ${restarts} in a row, last at ${at}.`),
    installed
      ? `Installed for systemd: ${path}`
      : "Not installed. With systemd: ./prod.sh watch install. Its unit would be:",
    "",
    content.trimEnd(),
  ];
}

async function remove(call: Call): Promise<ExitCause> {
  const { output } = call;
  const directory = stackOf(call);
  const removed = await removeWatch({ directory, model: readModel(directory) }, thisHost());
  if (output.json) output.printJson({ removed });
  else
    output.print(
      removed
        ? "Removed: nobody restarts what is unhealthy any more. Next: ./prod.sh watch install"
        : "Nothing to do: it is not installed.",
    );
  return "done";
}
