import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { createTwoFilesPatch } from "diff";
import { type FileChange, planChanges } from "../generator/changes.ts";
import { applyImageLock, type ImageLock, imageLockPath, parseImageLock } from "../generator/image-lock.ts";
import { buildModel, type Catalogue } from "../generator/model.ts";
import { renderModel } from "../generator/render.ts";
import type { RenderedFile } from "../generator/rendered-file.ts";
import { schemaText } from "../generator/schema-text.ts";
import { writeSecrets } from "../generator/secret-files.ts";
import { readDirectory, writeChanges } from "../generator/write.ts";
import { routeFiles } from "../routing/route-file.ts";
import { loadStackConfig } from "../stack/load.ts";
import type { SecretFile, StackModel } from "../stack/model.ts";
import { StackError, systemCode } from "../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../support/files.ts";
import { makeFolders } from "./folders.ts";

/** The program's own parts that a stack carries. */
export interface CarriedFiles {
  version: string;
  /** Text of `.stack/create-stack.mjs`; undefined when it is not built, as in tests of the sources. */
  bundle?: string;
  /** Text of prod.sh. */
  door: string;
}

export interface GenerateRequest {
  directory: string;
  catalogue: Catalogue;
  carried: CarriedFiles;
  today: Date;
}

export interface GenerateOptions {
  dryRun?: boolean;
  /** Edited files to overwrite, as paths in the stack's directory. */
  overwrite?: readonly string[];
  /** Edited files to keep although what we would write has changed. */
  keep?: readonly string[];
  /** Digests of images, instead of those in images.lock.json. */
  imageLock?: ImageLock;
  /** Which of `environments:` it is from now on; left out, it stays the one that it was made for. */
  environment?: string;
}

export interface GenerateResult {
  model: StackModel;
  changes: FileChange[];
  /** Secrets that were made or followed a change; names only. */
  secrets: string[];
  /** Secrets that only the user can supply and that are not there yet. */
  missing: SecretFile[];
}

/** A stack before it is written. */
export interface RenderedStack {
  model: StackModel;
  files: RenderedFile[];
}

/** What a stack.yaml is read with. */
export interface RenderOptions {
  /** Name of the file, for messages. */
  file?: string;
  imageLock?: ImageLock;
  /** Which of its `environments:`; production where it is left out. */
  environment?: string | undefined;
}

/** Everything that a stack.yaml becomes, before anything is written. Pure. */
export function renderStack(
  stackYaml: string,
  catalogue: Catalogue,
  carried: CarriedFiles,
  { file = "stack.yaml", imageLock = {}, environment }: RenderOptions = {},
): RenderedStack {
  const config = loadStackConfig(stackYaml, file, catalogue.components, environment);
  const model = {
    ...applyImageLock(buildModel(config, catalogue, file), imageLock),
    source: createHash("sha256").update(stackYaml).digest("hex"),
  };
  const ours = (path: string, content: string, mode = 0o644): RenderedFile => ({
    path,
    content,
    mode,
    owner: "generated",
  });
  const files = [
    ...renderModel(model, catalogue.templates),
    ...routeFiles(model.routes).map((route) => ours(route.path, route.content)),
    ours("prod.sh", carried.door, 0o755),
    ...(model.environment === undefined ? [] : [ours(environmentPath, `${model.environment}\n`)]),
    ours(".stack/stack.schema.json", schemaText(catalogue.components)),
    ...(carried.bundle === undefined ? [] : [ours(".stack/create-stack.mjs", carried.bundle, 0o755)]),
  ];
  return { model, files: files.sort((a, b) => (a.path < b.path ? -1 : 1)) };
}

/**
 * Renders the stack again after an edit of stack.yaml and writes only what changed. Throws `edited-files` (and writes
 * nothing) where both the user and we have something new for the same file.
 */
export async function runGenerate(request: GenerateRequest, options: GenerateOptions = {}): Promise<GenerateResult> {
  const text = readStackYaml(request.directory);
  const rendered = renderStack(text, request.catalogue, request.carried, {
    imageLock: options.imageLock ?? parseImageLock(readIfExists(join(request.directory, imageLockPath))),
    environment: options.environment ?? environmentOf(request.directory),
  });
  return writeRendered(request, rendered, options);
}

async function writeRendered(
  request: GenerateRequest,
  { model, files }: RenderedStack,
  options: GenerateOptions,
): Promise<GenerateResult> {
  const { onDisk, manifest } = readDirectory(request.directory, files);
  const changes = planChanges(files, onDisk, manifest, {
    overwrite: options.overwrite ?? [],
    keep: options.keep ?? [],
  });
  if (options.dryRun) return { model, changes, secrets: [], missing: [] };
  refuseConflicts(changes);
  return explainingRefusal(request.directory, async () => {
    const secrets = await writeSecrets(request.directory, model, request.today);
    writeChanges(request.directory, changes, files, manifest, request.carried.version);
    makeFolders(request.directory, model);
    return { model, changes, secrets: secrets.written, missing: secrets.missing };
  });
}

/** Holds which of `environments:` a directory is. */
const environmentPath = ".stack/environment";

/** Which of `environments:` a stack was made for; undefined where it was made without any. */
export function environmentOf(directory: string): string | undefined {
  const text = readIfExists(join(directory, environmentPath))?.trim();
  return text === "" ? undefined : text;
}

/** The text of a stack's stack.yaml; throws `no-stack` where there is none. */
export function readStackYaml(directory: string): string {
  const text = readIfExists(join(directory, "stack.yaml"));
  if (text !== undefined) return text;
  throw new StackError({
    code: "no-stack",
    exit: "invalidInput",
    message: `there is no stack.yaml in ${directory}`,
    hint: "go to the stack's directory, or make a new one with: npx create-stack",
  });
}

/**
 * Makes a new stack in a directory that is empty or not there. Checks everything before the first byte is written; `stack.yaml`
 * is the last, so that there is a whole stack or none, and a making that was killed can be done again. `rendered` is what the
 * text has become already, where the caller has shown it before; `complete` adds what else belongs to a whole stack.
 */
export async function runCreate(
  request: GenerateRequest,
  stackYaml: string,
  rendered?: RenderedStack,
  complete?: (made: GenerateResult) => Promise<void>,
): Promise<GenerateResult> {
  refuseOccupied(request.directory);
  const ready = rendered ?? renderStack(stackYaml, request.catalogue, request.carried);
  const mark = join(request.directory, unfinished);
  return explainingRefusal(request.directory, async () => {
    mkdirSync(mark, { recursive: true });
    const made = await writeRendered(request, ready, {});
    await complete?.(made);
    writeFileAtomic(join(request.directory, "stack.yaml"), stackYaml);
    rmdirSync(mark);
    return made;
  });
}

/** Files that are longer than this are programs: nobody reads their difference. */
const readable = 200_000;

/** The difference of one change as a unified patch, for reading. */
export function patchOf(change: FileChange): string {
  if (Math.max(change.before?.length ?? 0, change.after?.length ?? 0) > readable)
    return `${change.path}\n(too long to show)`;
  return createTwoFilesPatch(
    `${change.path} (now)`,
    `${change.path} (new)`,
    change.before ?? "",
    change.action === "remove" ? "" : (change.after ?? ""),
    undefined,
    undefined,
    { context: 2 },
  );
}

function refuseConflicts(changes: readonly FileChange[]): void {
  const conflicts = changes.filter((change) => change.action === "conflict");
  const [first] = conflicts;
  if (first === undefined) return;
  throw new StackError({
    code: "edited-files",
    exit: "invalidInput",
    message: `${conflicts.map((change) => change.path).join(", ")}: edited by you, and changed by stack.yaml too; nothing was written`,
    details: conflicts.flatMap((change) => patchOf(change).split("\n").slice(1)),
    hint: `move your edit to stack.yaml or compose.override.yaml and run ./prod.sh generate --overwrite ${first.path}; or keep yours: --keep ${first.path}`,
  });
}

/** What may lie in a directory before a stack is made in it: nothing but version control. */
const harmless = new Set([".git", ".gitignore", ".DS_Store", "README.md", "LICENSE"]);

/** Stands in a directory while a stack is made there. What lies beside it is ours. */
const unfinished = ".unfinished";

/** Throws `directory-occupied` or `stack-exists` where a new stack cannot be made in this directory. */
export function refuseOccupied(directory: string): void {
  if (!isDirectory(directory)) return;
  const found = readdirSync(directory).filter((entry) => !harmless.has(entry));
  const isStack = found.includes("stack.yaml");
  if (found.length === 0 || (!isStack && found.includes(unfinished))) return;
  throw new StackError({
    code: isStack ? "stack-exists" : "directory-occupied",
    exit: "invalidInput",
    message: isStack
      ? `${directory} already holds a stack`
      : `${directory} holds something else: ${found.slice(0, 5).join(", ")}${found.length > 5 ? " …" : ""}`,
    hint: isStack
      ? `edit ${join(directory, "stack.yaml")} and run ./prod.sh generate there`
      : `choose an empty directory: --dir ${basename(directory)}-stack`,
  });
}

async function explainingRefusal<Result>(directory: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EPERM" || code === "EROFS")
      throw new StackError({
        code: "directory-read-only",
        exit: "invalidInput",
        message: `cannot write in ${directory}: ${code === "EROFS" ? "the file system is read-only" : "no permission"}`,
        hint: "choose another directory with --dir, or change its owner",
        cause: error,
      });
    if (code === "ENOSPC")
      throw new StackError({
        code: "disk-full",
        exit: "invalidInput",
        message: `no space left on the disk of ${directory}`,
        hint: "make room (docker system df shows what Docker holds), then run the same command again",
        cause: error,
      });
    throw error;
  }
}

/** False where there is nothing yet; a file there, or in place of a parent, is refused. */
function isDirectory(directory: string): boolean {
  let nearest = directory;
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory())
    throw new StackError({
      code: "directory-occupied",
      exit: "invalidInput",
      message: `${nearest} is a file, and a directory is needed there`,
      hint: `choose another place: --dir ${basename(nearest)}-stack`,
    });
  return nearest === directory;
}
