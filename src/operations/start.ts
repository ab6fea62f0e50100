import type { ObservedStack } from "../engine/engine.ts";
import { writeSecrets } from "../generator/secret-files.ts";
import { StackError } from "../support/errors.ts";
import { checkConfigurations } from "./config-check.ts";
import type { Context } from "./context.ts";
import { explainFailures, failureError } from "./explain.ts";
import { makeFolders } from "./folders.ts";
import type { Journal } from "./journal.ts";
import { exclusively, journalled, noted } from "./operation.ts";
import type { Plan } from "./plan.ts";
import { type Finding, preflight, refuseFailures } from "./preflight.ts";
import { checkSecrets } from "./preflight-secrets.ts";
import { forgetBegun } from "./restore/from-begun.ts";
import { redactorFor } from "./secret-values.ts";
import { gatherFacts, type WantedService } from "./start-facts.ts";
import { planStart, type StartPlan } from "./start-plan.ts";
import { pullImages } from "./start-pull.ts";
import { waitForServices } from "./wait.ts";
import type { Standing } from "./wait-standing.ts";

export interface StartOptions {
  /** Only these services and what they need. */
  services?: readonly string[];
  dryRun?: boolean;
  /** False: the images that are here are all there are. */
  pull?: boolean;
  /** True: limits that add up to more than the host's memory are accepted. */
  overcommit?: boolean;
  /** Milliseconds for the whole wait. */
  timeout?: number;
  /** Milliseconds to wait for another command that works on the stack. */
  wait?: number;
}

export interface StartResult {
  plan: Plan;
  findings: Finding[];
  /** False: everything was as it should be, and nothing was run. */
  changed: boolean;
  services: { name: string; state: string }[];
}

/** Brings the stack up, in order, and waits until it is healthy. Throws with the reason where it does not become so. */
export async function runStart(context: Context, options: StartOptions = {}): Promise<StartResult> {
  if (options.dryRun) {
    const { findings, plan } = await prepare(context, options);
    return { plan, findings, changed: false, services: [] };
  }
  return exclusively(context, "start", options.wait, async () => {
    await composeSecrets(context);
    const { facts, findings, plan } = await prepare(context, options);
    forgetBegun(context.directory);
    const changed = plan.steps.length > 0;
    if (changed) {
      await journalled(context, "start", (journal) => perform(context, journal, plan, facts.observed, options));
    }
    return { plan, findings, changed, services: plan.services.map(({ name }) => ({ name, state: "ready" })) };
  });
}

/**
 * A secret that the user supplied or changed since `generate` reaches the files that hold it. Not while one of them is
 * missing: a new value would be made in its place, which the database that knows the old one refuses.
 */
async function composeSecrets({ directory, model, clock }: Context): Promise<void> {
  const sources = model.secrets.filter(({ kind }) => kind !== "composed");
  const found = checkSecrets({ secrets: sources, services: [] }, directory);
  if (found.every(({ level }) => level !== "fail")) await writeSecrets(directory, model, new Date(clock.now()));
}

async function prepare(context: Context, options: StartOptions) {
  const facts = await gatherFacts(context);
  const findings = preflight(context, facts, options.overcommit);
  refuseFailures(findings);
  for (const { message, hint } of findings.filter(({ level }) => level === "warn")) {
    context.progress.line(hint === undefined ? `warning: ${message}` : `warning: ${message} (${hint})`);
  }
  const plan = planStart(context.model, facts.observed, facts, options.services);
  if (options.pull === false) refuseMissingImages(plan);
  return { facts, findings, plan };
}

function refuseMissingImages({ pull }: StartPlan): void {
  if (pull.length === 0) return;
  const problems = pull.map(({ name, image }) => ({ message: `the engine does not have ${image} of ${name}` }));
  throw new StackError({
    code: "image-missing",
    exit: "unhealthy",
    message: "Images are missing, and pulling them was not wanted",
    hint: "./prod.sh start",
    problems,
  });
}

async function perform(
  context: Context,
  journal: Journal,
  plan: StartPlan,
  before: ObservedStack,
  options: StartOptions,
): Promise<void> {
  makeFolders(context.directory, context.model);
  if (plan.pull.length > 0) await noted(journal, "pull", "images", () => pullImages(context, plan.pull));
  await checkConfigurations(context, plan);
  await noted(journal, "up", "stack", () =>
    bringUp(context, {
      services: plan.services,
      before,
      // Without names Compose takes all services, and only then knows what is left over.
      names: options.services ?? [],
      converge: plan.converge || plan.pull.length > 0,
      ...(options.timeout !== undefined && { timeout: options.timeout }),
    }),
  );
}

export interface BringUpRequest {
  /** Services that are to be ready in the end. */
  services: readonly WantedService[];
  before: ObservedStack;
  /** Services that were named; none: all. */
  names: readonly string[];
  /** False: nothing is to be made or started, only waited for. */
  converge: boolean;
  timeout?: number;
}

/**
 * Lets Compose make and start what is missing, in its order, and watches meanwhile. Compose's own verdict counts for
 * little: it does not notice a service that crashes in a loop, and of an unhealthy one it tells the name alone.
 */
export async function bringUp(context: Context, request: BringUpRequest): Promise<void> {
  const { progress } = context;
  progress.phase(request.services.length === 1 ? "Starting 1 service" : `Starting ${request.services.length} services`);
  const giveUp = new AbortController();
  const up = request.converge ? composeUp(context, request.names, giveUp.signal) : Promise.resolve(undefined);
  let converged = !request.converge;
  const ended = up.finally(() => {
    converged = true;
  });
  ended.catch(() => {});
  let standings: Map<string, Standing>;
  try {
    standings = await waitForServices(context, {
      services: request.services,
      before: request.before,
      converged: () => converged,
      ...(request.timeout !== undefined && { timeout: request.timeout }),
    });
  } catch (error) {
    giveUp.abort();
    await ended.catch(() => {});
    throw error;
  }
  const failed = [...standings.values()].some(({ state }) => state === "failed");
  // Compose would go on waiting for what is not going to come.
  if (failed) giveUp.abort();
  const complaint = await ended;
  if (failed) throw await failure(context, request.services, standings, complaint);
  if (complaint !== undefined) throw composeError(context, complaint);
}

/** Undefined when it worked, else what Compose said. */
async function composeUp(
  { compose, signal }: Context,
  names: readonly string[],
  giveUp: AbortSignal,
): Promise<string | undefined> {
  const args = ["up", "-d", "--remove-orphans", "--quiet-pull", ...names];
  const attempt = () => compose.run(args, { signal: AbortSignal.any([signal, giveUp]) });
  const first = await attempt();
  if (first.code === 0) return undefined;
  // A start that was killed may have left its Compose at work for a moment: then the two got in each other's way.
  const clash = /is already in use by container|is already in progress|No such container|already exists/.test(
    first.stderr,
  );
  if (!clash || signal.aborted || giveUp.aborted) return first.stderr;
  const second = await attempt();
  return second.code === 0 ? undefined : second.stderr;
}

async function failure(
  context: Context,
  services: readonly WantedService[],
  standings: ReadonlyMap<string, Standing>,
  complaint: string | undefined,
): Promise<StackError> {
  const reasons = [...standings.values()].map((found) => (found.state === "failed" ? found.reason : undefined));
  const onlyNotStarted = reasons.every(
    (reason) => reason === undefined || reason === "not-started" || reason === "blocked",
  );
  if (onlyNotStarted && complaint !== undefined) return composeError(context, complaint);
  const explanations = await explainFailures(context, services, standings);
  const blocked = [...standings].flatMap(([name, found]) =>
    found.state === "failed" && found.reason === "blocked" ? [name] : [],
  );
  return failureError(explanations, blocked);
}

function composeError({ directory, model }: Context, complaint: string): StackError {
  const redact = redactorFor(directory, model);
  const lines = complaint
    .split("\n")
    .filter((line) => line.trim() !== "" && !/^\s(Container|Network|Volume) /.test(line));
  return new StackError({
    code: "compose-failed",
    exit: "unhealthy",
    message: `docker compose could not start the stack: ${redact(lines.at(-1) ?? "it gives no reason").trim()}`,
    hint: noNetworkLeft.test(complaint) ? moreNetworks : "./prod.sh status",
    details: lines.slice(0, -1).map(redact),
  });
}

/** Engines up to 27 say the first, later ones the second: by default there is room for about thirty networks on a host. */
const noNetworkLeft = /non-overlapping IPv4 address pool|predefined address pools have been fully subnetted/;
const moreNetworks =
  '`docker network prune` removes networks that no container uses; for more of them give "default-address-pools" a smaller size in /etc/docker/daemon.json';
