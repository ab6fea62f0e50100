import { readFileSync } from "node:fs";
import { basename, relative, resolve } from "node:path";
import { type GenerateResult, refuseOccupied, renderStack, runCreate } from "../../operations/generate.ts";
import { stackShape } from "../../stack/load.ts";
import type { StackModel } from "../../stack/model.ts";
import { StackError, systemCode } from "../../support/errors.ts";
import { shellWord } from "../../support/shell-line.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { fileTree } from "../file-tree.ts";
import { generateRequest } from "../generation.ts";
import { isOnTerminal } from "../output.ts";
import { presetNamed } from "../presets.ts";
import { editStackYaml, parseEdit } from "../stack-yaml.ts";
import { needsOf, summaryLines } from "../summary.ts";
import { printMissing } from "./generate.ts";

/** A stack.yaml that is to become a stack, and what to call it in messages. */
interface Source {
  text: string;
  file: string;
  /** True where the user answered questions or can be asked to confirm. */
  ask: boolean;
}

/** Makes a new stack: asks, or takes a preset or a stack.yaml. */
export async function run(call: Call): Promise<"done"> {
  const { output } = call;
  const wanted = call.value("dir") ?? call.words[0];
  // Before the questions: no answer is given in vain.
  if (wanted !== undefined && !call.has("dry-run")) refuseOccupied(resolve(wanted));
  const source = await readSource(call);
  const text = editStackYaml(source.text, [...nameOfDirectory(call), ...call.values("set")].map(parseEdit));
  const request = generateRequest(call.carried, "");
  const rendered = renderStack(text, request.catalogue, request.carried, {
    file: source.file,
    environment: call.value("environment"),
  });
  const { model, files } = rendered;
  const directory = resolve(wanted ?? model.name);
  if (call.has("dry-run")) {
    printPreview(model, [{ path: "stack.yaml", content: text }, ...files], directory, call);
    return "done";
  }
  const summary = summaryLines(model, needsOf(model, directory));
  if (source.ask) {
    refuseOccupied(directory);
    const { confirmWriting } = await import("../questions.ts");
    await confirmWriting([...summary, `It will be written to ${directory}`], call);
  }
  const result = await runCreate({ ...request, directory }, text, rendered);
  if (output.json) printJson(result, directory, call);
  else printResult(result, source.ask ? [] : summary, directory, call);
  return "done";
}

/** `create shop --preset web` makes a stack that is called shop; a directory whose name cannot be one's leaves the preset's. */
function nameOfDirectory(call: Call): string[] {
  const directory = call.words[0] ?? call.value("dir");
  const isGiven = call.values("set").some((edit) => edit.startsWith("name="));
  if (call.value("preset") === undefined || directory === undefined || isGiven) return [];
  // shop-staging of the environment staging is what the stack shop is called there.
  const ending = `-${call.value("environment")}`;
  const whole = basename(resolve(directory));
  const base = whole.endsWith(ending) ? whole.slice(0, -ending.length) : whole;
  return stackShape.shape.name.safeParse(base).success ? [`name=${base}`] : [];
}

function printPreview(
  model: StackModel,
  files: readonly { path: string; content: string }[],
  directory: string,
  { output }: Call,
): void {
  const entries = files.map(({ path, content }) => ({ path, bytes: Buffer.byteLength(content) }));
  const needs = needsOf(model, directory);
  if (output.json) {
    output.printJson({ dryRun: true, directory, needs, files: entries });
    return;
  }
  for (const line of [...fileTree(directory, entries), "", ...summaryLines(model, needs)]) output.print(line);
  output.print("Nothing was written.");
}

async function readSource(call: Call): Promise<Source> {
  const config = call.value("config");
  const preset = call.value("preset");
  const ask = isOnTerminal(call.output) && !call.has("yes") && !call.has("dry-run");
  if (config !== undefined && preset !== undefined)
    throw badArguments("--config and --preset cannot stand together", "change a preset with --set PATH=VALUE");
  if (config === "-") return { text: readFileSync(0, "utf8"), file: "stdin", ask: false };
  if (config !== undefined) return { text: readConfig(config), file: config, ask };
  if (preset !== undefined)
    return { text: presetNamed(call.carried, preset).text, file: `stack.yaml of the preset ${preset}`, ask };
  if (!ask) throw nothingToAsk(call.output.caller);
  const { askForStack } = await import("../questions.ts");
  return { text: await askForStack(call), file: "stack.yaml", ask };
}

function readConfig(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = systemCode(error);
    if (code !== "ENOENT" && code !== "EISDIR" && code !== "ENOTDIR") throw error;
    throw badArguments(
      code === "EISDIR" ? `${path} is a directory` : `there is no file ${path}`,
      "--config takes the path of a stack.yaml; create-stack presets web > stack.yaml makes one to start from",
    );
  }
}

/** Without a terminal nothing can be asked; says which flags take the place of the questions. */
function nothingToAsk(caller: string): StackError {
  return new StackError({
    code: "no-terminal",
    exit: "invalidInput",
    message: "there is no one to ask which stack to make",
    hint: `name one: ${caller} create --preset web --set components.app.image=ghcr.io/you/app:1.4.2 --yes, or ${caller} create --config stack.yaml --yes`,
  });
}

function printResult(result: GenerateResult, summary: readonly string[], directory: string, { output }: Call): void {
  const where = relative(process.cwd(), directory);
  for (const line of summary) output.print(line);
  output.print("");
  output.print(`Written to ${directory}`);
  printMissing(result, output);
  output.print("");
  output.print("Next:");
  for (const step of nextSteps(result.model, where, process.platform)) output.print(`  ${step}`);
}

function nextSteps(model: StackModel, where: string, platform: string): string[] {
  return [
    ...(where === "" ? [] : [`cd ${shellWord(where)}`]),
    ...(platform === "linux" ? [] : ["copy the directory to the server"]),
    "./prod.sh start",
    ...(model.migrations.length > 0 ? ["./prod.sh migrate"] : []),
    "./prod.sh status",
  ];
}

function printJson(result: GenerateResult, directory: string, { output }: Call): void {
  output.printJson({
    directory,
    files: result.changes.map(({ path }) => path),
    secrets: result.secrets,
    missingSecrets: result.missing.map(({ name, about }) => ({ name, about })),
  });
}
