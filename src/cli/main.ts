import { setMaxListeners } from "node:events";
import { type ExitCause, exitCodes, StackError } from "../support/errors.ts";
import { checkWords, ownWords, type ParsedArgs, parseArgs } from "./args.ts";
import { carried } from "./carried.ts";
import type { Call, Command, Group } from "./command.ts";
import { type NamedVerb, readVerb, unknownCommand, unknownVerb } from "./command-words.ts";
import { findStack, modelIfAny } from "./find-stack.ts";
import { commandHelp, generalHelp, groupHelp } from "./help.ts";
import { type Output, openOutput, paintFor } from "./output.ts";
import { reportError } from "./report-error.ts";
import { stackCommand, stackVerbs } from "./stack-verbs.ts";
import { findCommand } from "./table.ts";

const interruption = new AbortController();
// Every transfer that is under way listens to it: many are no leak.
setMaxListeners(0, interruption.signal);
let quiet = false;

/** Interrupted once: operations undo what they are at. Twice: the program ends at once. */
function onSignal(): void {
  if (interruption.signal.aborted) leaveAtOnce();
  interruption.abort(new StackError({ code: "interrupted", exit: "interrupted", message: "Interrupted." }));
}

/** What is half done stands in the stack's journal, but a service may stand still until somebody looks into it. */
function leaveAtOnce(): never {
  const next = "what was half done is put right by the next command, for example: ./prod.sh start";
  if (callerName() === "./prod.sh" && !quiet) process.stderr.write(`\nStopped at once; ${next}\n`);
  process.exit(exitCodes.interrupted);
}

/** Whoever read our output is gone (`… | head`): nothing more to say, but what was begun is ended in order. */
function onClosedPipe(error: Error & { code?: string }): void {
  if (error.code !== "EPIPE") throw error;
  quiet = true;
  interruption.abort(new StackError({ code: "closed-pipe", exit: "done", message: "" }));
}

/** What the command line asks for, before its options are looked at. */
interface Request extends NamedVerb {
  /** Without the words that name the verb. */
  argv: readonly string[];
  /** The stack that the command is about, where there is one. */
  stack: string | undefined;
}

function readRequest(argv: readonly string[]): Request {
  const verb = readVerb(argv);
  const [first = argv.length] = verb.indexes;
  const isOurs = verb.command !== undefined || verb.group !== undefined;
  // What follows an unknown word may belong to another program: a shortcut of the stack.
  const own = isOurs || verb.word === undefined ? ownWords(argv, verb.command) : argv.slice(0, first);
  const stack = findStack(dirOf(own), carried.path, process.cwd());
  const command = isOurs || verb.word === undefined ? verb.command : stackCommand(modelIfAny(stack), verb.word);
  return {
    ...verb,
    argv: argv.filter((_, index) => !verb.indexes.includes(index)),
    stack,
    ...(command !== undefined && { command }),
  };
}

/** `help start` is `start --help`, as with many programs. */
function asAsked([first, ...more]: readonly string[]): string[] {
  if (first === "help") return [...more, "--help"];
  return first === undefined ? [] : [first, ...more];
}

async function main(argv: readonly string[]): Promise<number> {
  const request = readRequest(argv);
  const flags = ownWords(argv, request.command);
  const output = openOutput({
    json: flags.includes("--json"),
    verbose: flags.includes("--verbose"),
    noColor: flags.includes("--no-color"),
    caller: callerName(),
  });
  try {
    const end = await serve(request, output);
    return typeof end === "number" ? end : exitCodes[end];
  } catch (error) {
    if (quiet) return exitCodes.done;
    const asked = interruption.signal.aborted && !(error instanceof StackError) ? interruption.signal.reason : error;
    const paint = paintFor(process.stderr, process.env, flags.includes("--no-color"));
    const report = reportError(asked, { verbose: output.verbose, version: carried.version, paint });
    if (output.json) output.printJson(report.json);
    else output.note(report.text);
    return report.exitCode;
  }
}

async function serve(request: Request, output: Output): Promise<ExitCause | number> {
  const { argv, stack, word, group } = request;
  if (group !== undefined && request.command === undefined) return serveGroup(group, request, output);
  if (word !== undefined && request.command === undefined) {
    const added = stackVerbs(modelIfAny(stack)).map(({ verb }) => verb);
    throw unknownCommand(word, added, stack !== undefined, output.caller);
  }
  // Without a command: in a stack its help, elsewhere the questions for a new one.
  const command = request.command ?? (stack === undefined ? findCommand("create") : undefined);
  const args = parseArgs(argv, command, output.caller);
  if (args.options.has("version")) return show(carried.version, output);
  if (command === undefined || (args.options.has("help") && word === undefined))
    return show(generalHelp(output.caller, stack !== undefined, stackVerbs(modelIfAny(stack)), output.paint), output);
  if (args.options.has("help")) return show(commandHelp(command, output.caller, output.paint), output);
  checkWords(args.words, command, output.caller);
  return await run(command, args, output);
}

/** `backup` alone shows what there is, and is a mistake for a script: nothing was backed up. */
function serveGroup(group: Group, { argv, second }: Request, output: Output): ExitCause {
  if (second !== undefined) throw unknownVerb(group, second);
  const { options } = parseArgs(argv, undefined, output.caller);
  if (options.has("version")) return show(carried.version, output);
  if (output.json && !options.has("help")) throw unknownVerb(group, undefined);
  show(groupHelp(group, output.caller, output.paint), output);
  return options.has("help") ? "done" : "invalidInput";
}

function show(text: string, output: Output): ExitCause {
  output.print(text);
  return "done";
}

async function run(command: Command, { words, options }: ParsedArgs, output: Output): Promise<ExitCause | number> {
  const call: Call = {
    command,
    words,
    has: (name) => options.has(name),
    value: (name) => options.get(name)?.at(-1),
    values: (name) => options.get(name) ?? [],
    output,
    carried,
    signal: interruption.signal,
  };
  const { run: runIt } = await command.load();
  return await runIt(call);
}

function dirOf(argv: readonly string[]): string | undefined {
  const index = argv.indexOf("--dir");
  return index === -1 ? argv.find((word) => word.startsWith("--dir="))?.slice("--dir=".length) : argv[index + 1];
}

function callerName(): string {
  return /[\\/]\.stack[\\/][^\\/]+$/.test(carried.path ?? "") || process.env.CREATE_STACK_DOOR !== undefined
    ? "./prod.sh"
    : "create-stack";
}

process.stdout.on("error", onClosedPipe);
process.stderr.on("error", onClosedPipe);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
void main(asAsked(process.argv.slice(2))).then((code) => {
  // What was printed has to be out before the process ends; waiting for it to end by itself would wait for connections.
  process.stdout.write("", () => process.exit(code));
});
