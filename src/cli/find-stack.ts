import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { StackModel } from "../stack/model.ts";
import { StackError, systemCode } from "../support/errors.ts";

const modelPath = join(".stack", "model.json");

/**
 * The stack that a command is about: --dir; else the one whose own copy of the program runs, wherever it was called
 * from; else the nearest directory upwards that holds a stack.yaml. Undefined where there is none.
 */
export function findStack(dir: string | undefined, programPath: string | undefined, cwd: string): string | undefined {
  if (dir !== undefined) {
    const directory = resolve(cwd, dir);
    return isStack(directory) ? directory : undefined;
  }
  if (programPath !== undefined && basename(dirname(programPath)) === ".stack") return dirname(dirname(programPath));
  for (let directory = cwd; ; directory = dirname(directory)) {
    if (isStack(directory)) return directory;
    if (dirname(directory) === directory) return undefined;
  }
}

function isStack(directory: string): boolean {
  return existsSync(join(directory, "stack.yaml"));
}

/** The model that `generate` left in a stack's directory. */
export function readModel(directory: string): StackModel {
  const path = join(directory, modelPath);
  const broken = (message: string) =>
    new StackError({ code: "model-missing", exit: "invalidInput", message, hint: "make it again: ./prod.sh generate" });
  let model: StackModel;
  try {
    model = JSON.parse(readFileSync(path, "utf8")) as StackModel;
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw broken(`${directory} has a stack.yaml but was not generated yet`);
    if (error instanceof SyntaxError) throw broken(`${path} is not readable: ${error.message}`);
    throw error;
  }
  if (model.format !== 1) throw broken(`${path} was written by another version of create-stack`);
  return model;
}

/** The same where there is one that can be read. */
export function modelIfAny(directory: string | undefined): StackModel | undefined {
  if (directory === undefined) return undefined;
  try {
    return readModel(directory);
  } catch {
    return undefined;
  }
}

/** The error for a verb that needs a stack, called where there is none. */
function noStack(dir: string | undefined, cwd: string): StackError {
  return new StackError({
    code: "no-stack",
    exit: "invalidInput",
    message:
      dir === undefined
        ? `no stack here: neither ${cwd} nor a directory above it has a stack.yaml`
        : `no stack in ${resolve(cwd, dir)}: it has no stack.yaml`,
    hint: "go to the stack's directory or name it with --dir; to make a new one: npx create-stack",
  });
}

/** The directory of the stack that a command is about; an error where there is none. */
export function stackOf(call: { value(option: string): string | undefined; carried: { path?: string } }): string {
  const dir = call.value("dir");
  const found = findStack(dir, call.carried.path, process.cwd());
  if (found === undefined) throw noStack(dir, process.cwd());
  return found;
}
