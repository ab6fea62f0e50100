import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { composeSecret, SecretFolder, type WrittenSecrets, writeSecrets } from "../../generator/secret-files.ts";
import { importCompose } from "../../import/import.ts";
import { type Imported, reportLines } from "../../import/report.ts";
import { renderStack, runCreate } from "../../operations/generate.ts";
import { readIfExists } from "../../support/files.ts";
import { shellWord } from "../../support/shell-line.ts";
import { badArguments } from "../args.ts";
import type { Call } from "../command.ts";
import { generateRequest } from "../generation.ts";
import { printMissing } from "./generate.ts";

/** Makes a stack of an existing Compose file, and says what became of each part of it. */
export async function run(call: Call): Promise<"done"> {
  const { output, carried } = call;
  const files = filesOf(call);
  const imported = importCompose({
    files: files.map((file) => resolve(file)),
    environment: process.env,
    profiles: call.values("profile"),
    apps: call.values("app"),
    dropSwarm: call.has("drop-swarm"),
    read: readFile,
    kind: kindOf,
    components: generateRequest(carried, "").catalogue.components,
    ...(call.value("dir") !== undefined && { folder: resolve(call.value("dir") ?? "") }),
  });
  const directory = resolve(call.value("dir") ?? imported.name);
  const request = generateRequest(carried, directory);
  // Nothing is written before the whole stack is known to be in order.
  const rendered = renderStack(imported.stackYaml, request.catalogue, request.carried);
  const before = readIfExists(join(directory, "stack.yaml"));
  if (call.has("dry-run") || before === imported.stackYaml) {
    print(call, imported, directory, files, { dryRun: call.has("dry-run"), written: [] });
    if (!output.json)
      output.print(
        before === imported.stackYaml
          ? `\n${directory} holds this stack already. Nothing was written.`
          : "\nNothing was written.",
      );
    return "done";
  }
  let written: string[] = [];
  let missing: WrittenSecrets["missing"] = [];
  const result = await runCreate(request, imported.stackYaml, rendered, async ({ model }) => {
    written = writeMoved(directory, imported);
    ({ missing } = await writeSecrets(directory, model, request.today));
  });
  print(call, imported, directory, files, {
    dryRun: false,
    written: result.changes.map(({ path }) => path),
    moved: written,
    missing: missing.map(({ name }) => name),
  });
  if (output.json) return "done";
  output.print("");
  output.print(`Written to ${directory}. The old containers were not touched.`);
  printMissing({ ...result, missing }, output);
  output.print("");
  output.print("Next:");
  for (const line of nextSteps(directory, imported)) output.print(`  ${line}`);
  return "done";
}

function filesOf(call: Call): string[] {
  const files = [...call.words, ...call.values("file")];
  if (files.length === 0)
    throw badArguments("import needs the Compose file to read", `${call.output.caller} import docker-compose.yml`);
  const folder = files.find((file) => kindOf(file) === "folder");
  if (folder !== undefined)
    throw badArguments(
      `${folder} is a directory`,
      `name the Compose file in it: ${call.output.caller} import ${join(folder, "docker-compose.yml")}`,
    );
  const large = files.find((file) => kindOf(file) === "file" && statSync(file).size > largest);
  if (large !== undefined)
    throw badArguments(`${large} is larger than 1 MB, so it is no Compose file`, "name the Compose file itself");
  return files;
}

/** Bytes. */
const largest = 1024 ** 2;

/** A file of up to 1 MB; what is longer is no text that somebody wrote. */
function readFile(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= largest ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function kindOf(path: string): "file" | "folder" | undefined {
  try {
    const found = statSync(path);
    return found.isDirectory() ? "folder" : found.isFile() ? "file" : undefined;
  } catch {
    return undefined;
  }
}

/** Puts what stood in the Compose file into files under secrets/. One that is there already stays. Names only. */
function writeMoved(directory: string, { secrets }: Imported): string[] {
  const path = join(directory, "secrets");
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const folder = new SecretFolder(path);
  for (const { name, content } of secrets) {
    const text = composeSecret(content, (other) => folder.read(other));
    if (text !== undefined) folder.ensure(name, () => text, 0o600);
  }
  return folder.written;
}

interface Written {
  dryRun: boolean;
  written: string[];
  moved?: string[];
  missing?: string[];
}

function print(
  { output }: Call,
  imported: Imported,
  directory: string,
  files: readonly string[],
  { dryRun, written, moved = [], missing = [] }: Written,
): void {
  if (output.json) {
    const { report, stackYaml } = imported;
    output.printJson({
      dryRun,
      directory,
      report,
      files: written,
      secrets: moved,
      missingSecrets: missing,
      ...(dryRun && { stackYaml }),
    });
    return;
  }
  for (const line of reportLines(imported.report, files)) output.print(line);
}

function nextSteps(directory: string, { report }: Imported): string[] {
  const where = relative(process.cwd(), directory);
  return [
    ...(where === "" ? [] : [`cd ${shellWord(where)}`]),
    ...(report.todo.length > 0 ? ["edit stack.yaml, then ./prod.sh generate   (see: Before the first start)"] : []),
    "./prod.sh start --dry-run",
    "stop the old containers, then ./prod.sh start",
  ];
}
