import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { connectEngine } from "../engine/connect.ts";
import type { Progress } from "../operations/progress.ts";
import { type ExitCause, StackError } from "../support/errors.ts";
import { run } from "../support/process.ts";
import type { Carried } from "./carried.ts";

export const demoImage = "create-stack/demo:1.0.0";

/** A script of the repository; undefined where the program was installed without it. */
function repositoryScript(carried: Carried, name: string): string | undefined {
  const folder = carried.path === undefined ? join(import.meta.dirname, "../..") : join(dirname(carried.path), "..");
  const path = join(folder, "scripts", name);
  return existsSync(path) ? path : undefined;
}

/** Makes sure that an engine answers; installs one where that was asked for. */
export async function ensureEngine(carried: Carried, mayInstall: boolean, signal: AbortSignal): Promise<void> {
  try {
    const { engine } = await connectEngine();
    await engine.info();
    // The script looks again whether Compose is new enough, and does nothing where all is well.
    if (!mayInstall) return;
  } catch (error) {
    if (!mayInstall) throw error;
  }
  const script = repositoryScript(carried, "install-engine");
  if (script === undefined) throw cannotInstall();
  await runVisibly([script], signal, "engine-not-installed", "engineUnreachable");
}

function cannotInstall(): StackError {
  return new StackError({
    code: "engine-not-installed",
    exit: "engineUnreachable",
    message: "this copy of create-stack does not carry the script that installs Docker",
    hint: "install it as https://docs.docker.com/engine/install/ says, then run the demo again",
  });
}

/** Gets the images of the demo: what can be pulled is pulled, by the start at the latest; the application is built here. */
export async function ensureImages(carried: Carried, progress: Progress, signal: AbortSignal): Promise<void> {
  const script = repositoryScript(carried, "lab-images");
  if (script !== undefined) await runVisibly([script, "demo"], signal, "image-missing", "unhealthy");
  progress.phase("Building the demo application");
  const folder = mkdtempSync(join(tmpdir(), "create-stack-demo-"));
  try {
    for (const path of carried.assets.filter((asset) => asset.startsWith("dist/demo-app/"))) {
      const target = join(folder, path.slice("dist/demo-app/".length));
      mkdirSync(dirname(target), { recursive: true });
      writeFileSync(target, carried.asset(path));
    }
    progress.update(demoImage, "working", "building");
    const { code, stdout, stderr } = await run(["docker", "build", "--tag", demoImage, folder], { signal });
    signal.throwIfAborted();
    if (code !== 0) throw buildFailed(`${stdout}\n${stderr}`);
    progress.update(demoImage, "done", "built");
  } finally {
    progress.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

function buildFailed(output: string): StackError {
  return new StackError({
    code: "build-failed",
    exit: "unhealthy",
    message: `the image ${demoImage} could not be built`,
    details: output.trim().split("\n").slice(-8),
    hint: "where its base cannot be pulled: docker pull node:22-trixie-slim says why",
  });
}

/** Runs a script whose messages are for the user; its results go to stderr like every progress. */
function runVisibly(
  argv: readonly [string, ...string[]],
  signal: AbortSignal,
  code: string,
  exit: ExitCause,
): Promise<void> {
  const [program, ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: ["inherit", 2, 2] });
    child.on("error", reject);
    child.on("close", (status) => {
      if (status === 0) resolve();
      else if (signal.aborted) reject(signal.reason);
      else
        reject(
          new StackError({
            code,
            exit,
            message: `${program} failed (exit code ${status ?? "none"})`,
            hint: "the reason stands above",
          }),
        );
    });
  });
}
