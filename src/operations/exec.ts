import { composeCommand } from "../engine/compose.ts";
import type { ObservedContainer } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import type { Service } from "../stack/service.ts";
import { type RunAttached, runAttached } from "../support/attached-process.ts";
import { StackError } from "../support/errors.ts";
import type { Context } from "./context.ts";
import { unknownService } from "./logs.ts";

export interface ExecRequest {
  service: string;
  /** None: a shell. */
  command: readonly string[];
  /** Number of the container, where a service has several. */
  index?: number;
  /** User inside the container. */
  user?: string;
  /** Our input and output are a terminal, so the command gets one too. */
  terminal: boolean;
}

/** Better shells first; an image without any says so itself. */
const anyShell = ["sh", "-c", "command -v bash >/dev/null && exec bash || exec sh"];

/**
 * Runs a command in a running container of a service, on our own input and output, and resolves with its exit code.
 * Through `docker compose exec`, which knows terminals: sizes, raw keys, the way back.
 */
export async function runExec(
  context: Pick<Context, "directory" | "model" | "engine" | "signal">,
  request: ExecRequest,
  run: RunAttached = runAttached,
): Promise<number> {
  const { containers } = await context.engine.observe(context.model.name);
  const argv = composeCommand(planExec(context.model, containers, request));
  return run(argv, { cwd: context.directory, signal: context.signal });
}

/** The arguments of `docker compose`. Pure; throws where there is nothing to run it in. */
export function planExec(
  model: StackModel,
  containers: readonly ObservedContainer[],
  request: ExecRequest,
): readonly string[] {
  const standing = containers.filter((found) => found.service === request.service && !found.oneOff);
  const service = model.services.find(({ name }) => name === request.service);
  if (service === undefined && standing.length === 0) throw unknownService(request.service, namesIn(model, containers));
  const container = choose(service, standing, request);
  const number = numberOf(container);
  return [
    "exec",
    ...(request.terminal ? [] : ["-T"]),
    ...(standing.length > 1 && number !== undefined ? ["--index", String(number)] : []),
    ...(request.user === undefined ? [] : ["--user", request.user]),
    request.service,
    ...(request.command.length === 0 ? anyShell : request.command),
  ];
}

function namesIn(model: StackModel, containers: readonly ObservedContainer[]): string[] {
  const lasting = model.services.filter((service) => service.class === "long-running").map(({ name }) => name);
  return [...new Set([...lasting, ...containers.filter(({ oneOff }) => !oneOff).map(({ service }) => service)])];
}

/** The container with the number that was asked for; else a healthy one, else any that runs. */
function choose(
  service: Service | undefined,
  standing: readonly ObservedContainer[],
  { service: name, index }: ExecRequest,
): ObservedContainer {
  const running = standing.filter(({ state }) => state === "running");
  const found =
    index === undefined
      ? (running.find(({ health }) => health === "healthy") ?? running[0])
      : running.find((container) => numberOf(container) === index);
  if (found !== undefined) return found;
  if (index !== undefined && running.length > 0) throw noSuchNumber(name, index, running);
  throw notRunning(name, service, standing);
}

function noSuchNumber(name: string, index: number, running: readonly ObservedContainer[]): StackError {
  const numbers = running.flatMap((container) => numberOf(container) ?? []).join(", ");
  return new StackError({
    code: "unknown-container",
    exit: "invalidInput",
    message: `${name} has no running container number ${index}`,
    hint: `running: ${numbers}`,
  });
}

function notRunning(name: string, service: Service | undefined, standing: readonly ObservedContainer[]): StackError {
  const job = service?.class === "job";
  const [first] = standing;
  const states: Partial<Record<ObservedContainer["state"], string>> = {
    restarting: "is being restarted",
    paused: "is paused",
    exited: `has ended (exit code ${first?.exitCode ?? 0})`,
  };
  const state = first === undefined ? "is not started" : (states[first.state] ?? "does not run");
  const oneShot = service?.class === "one-shot";
  return new StackError({
    code: "service-not-running",
    exit: "unhealthy",
    message: job ? `${name} is a job: it runs on demand and then ends` : `${name} ${state}`,
    hint: job || oneShot ? `./prod.sh logs ${name}` : first === undefined ? "./prod.sh start" : `./prod.sh status`,
  });
}

/** Compose numbers the containers of a service at the end of their names. */
function numberOf(container: ObservedContainer): number | undefined {
  const found = /-(\d+)$/.exec(container.name)?.[1];
  return found === undefined ? undefined : Number(found);
}
