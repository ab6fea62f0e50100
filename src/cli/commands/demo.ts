import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Context } from "../../operations/context.ts";
import { runDestroy } from "../../operations/destroy.ts";
import { runCreate, runGenerate } from "../../operations/generate.ts";
import { runMigrate } from "../../operations/migrate.ts";
import { runStart } from "../../operations/start.ts";
import { exitOfStatus, runStatus } from "../../operations/status.ts";
import { tlsEntrance } from "../../operations/status-certificates.ts";
import { type ExitCause, messageOf, StackError } from "../../support/errors.ts";
import type { Call } from "../command.ts";
import { contextIn, progressOf } from "../context.ts";
import { requestPage } from "../demo-request.ts";
import { ensureEngine, ensureImages } from "../demo-surroundings.ts";
import { findStack } from "../find-stack.ts";
import { generateRequest } from "../generation.ts";
import { presetNamed } from "../presets.ts";
import { publicUrls } from "../public-urls.ts";
import { editStackYaml, parseEdit } from "../stack-yaml.ts";
import { statusScreen } from "../status-screen.ts";

const host = "demo.localhost";

/** Says that a directory was made by this command, and so may be removed by it. */
const marker = join(".stack", "demo");

/** A running stack with a small application; with --down, its end. */
export async function run(call: Call): Promise<ExitCause> {
  const directory = resolve(call.value("dir") ?? demoHere(call) ?? "demo-stack");
  return call.has("down") ? takeDown(directory, call) : bringUp(directory, call);
}

/** The demo that the command was called in, if it was. */
function demoHere({ carried }: Call): string | undefined {
  const directory = findStack(undefined, carried.path, process.cwd());
  return directory !== undefined && existsSync(join(directory, marker)) ? directory : undefined;
}

async function bringUp(directory: string, call: Call): Promise<ExitCause> {
  const { output, carried, signal } = call;
  await ensureEngine(carried, call.has("install-engine"), signal);
  await makeStack(directory, call);
  await ensureImages(carried, progressOf(call), signal);
  const context = await contextIn(directory, call);
  await runStart(context);
  await runMigrate(context, { seed: true });
  const page = await readPage(context);
  const report = await runStatus(context);
  if (output.json) output.printJson({ directory, urls: publicUrls(context.model), page: page.status, status: report });
  else printDemo(directory, page.body, statusScreen(report, output.paint, output.columns), call, context);
  return exitOfStatus(report);
}

/** Makes the stack, or brings the one that an earlier demo made up to this program. */
async function makeStack(directory: string, { carried, values }: Call): Promise<void> {
  const request = generateRequest(carried, directory);
  if (existsSync(join(directory, marker))) {
    await runGenerate(request, { overwrite: [] });
    return;
  }
  await runCreate(request, editStackYaml(presetNamed(carried, "demo").text, values("set").map(parseEdit)));
  writeFileSync(join(directory, marker), "Made by create-stack demo, which removes this directory with --down.\n");
}

/** The page as a browser on this machine gets it: through Traefik, over TLS, with the stack's own authority. */
async function readPage(context: Context): Promise<{ status: number; body: string }> {
  const { directory, model, progress, signal } = context;
  const certificate = model.secrets.find((secret) => secret.kind === "certificate");
  const entrance = tlsEntrance(model);
  if (certificate?.kind !== "certificate" || entrance === undefined)
    throw new StackError({
      code: "demo-changed",
      exit: "invalidInput",
      message: `the demo in ${directory} has no certificate of its own any more, so its page cannot be checked`,
      hint: "look at it with ./prod.sh status, or make it anew: ./prod.sh demo --down",
    });
  progress.phase(`Requesting https://${host}`);
  const authority = readFileSync(join(directory, "secrets", certificate.authorityName), "utf8");
  try {
    const page = await requestPage({ host, port: entrance.port, authority, signal });
    if (page.status !== 200) throw new Error(`it answered ${page.status}`);
    progress.update(host, "done", `200, ${page.body.length} bytes`);
    return page;
  } catch (error) {
    progress.update(host, "failed", messageOf(error));
    signal.throwIfAborted();
    throw new StackError({
      code: "demo-unreachable",
      exit: "unhealthy",
      message: `https://${host} does not answer as it should: ${messageOf(error)}`,
      hint: `cd ${directory}, then ./prod.sh status and ./prod.sh logs traefik app`,
      cause: error,
    });
  } finally {
    progress.end();
  }
}

function printDemo(directory: string, body: string, screen: readonly string[], call: Call, { model }: Context): void {
  const { output } = call;
  const notes = [...body.matchAll(/<li>(.*?) <time>/g)].map(([, note = ""]) => `  - ${note}`);
  for (const line of ["", ...screen, "", "The page says, from Postgres:", ...notes.slice(0, 5), ""]) output.print(line);
  output.print(`Open it: ${publicUrls(model).join(", ")}`);
  output.print(`  A browser trusts it after importing ${join(directory, "secrets", "local_authority")}`);
  output.print("Next:");
  for (const line of [
    `cd ${directory}`,
    "./prod.sh status",
    "./prod.sh logs --follow app",
    "./prod.sh psql",
    "./prod.sh demo --down",
  ])
    output.print(`  ${line}`);
}

async function takeDown(directory: string, call: Call): Promise<ExitCause> {
  const { output } = call;
  if (!existsSync(directory)) {
    output.print(`Nothing to remove: there is no ${directory}`);
    return "done";
  }
  if (!existsSync(join(directory, marker)))
    throw new StackError({
      code: "not-a-demo",
      exit: "invalidInput",
      message: `${directory} was not made by the demo, so it stays`,
      hint: "name the demo's directory with --dir",
    });
  const context = await contextIn(directory, call);
  await runDestroy(context, { volumes: true, confirmed: context.model.name });
  rmSync(directory, { recursive: true, force: true });
  if (output.json) output.printJson({ removed: directory });
  else
    output.print(
      `Removed: containers, volumes and ${directory}. The images stay; docker image prune -a removes what nothing uses.`,
    );
  return "done";
}
