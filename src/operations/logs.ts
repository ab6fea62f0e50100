import type { LogLine, LogRequest, ObservedContainer } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import { parseDuration } from "../support/units.ts";
import type { Context } from "./context.ts";
import { followContainers } from "./logs-follow.ts";
import { mergedByTime } from "./logs-merge.ts";
import { redactorFor } from "./secret-values.ts";

type LogsContext = Pick<Context, "directory" | "model" | "engine" | "clock" | "signal">;

export interface LogsOptions {
  /** Services, or components for all of theirs; none is every service that is no job. */
  services?: readonly string[];
  follow?: boolean;
  /** Milliseconds since 1970. */
  since?: number;
  /** Only the last lines of each container. */
  tail?: number;
}

/** One line of the merged log. */
export interface LogEntry extends LogLine {
  service: string;
  /** The service's name, with its number where there are several containers: `web-2`. */
  source: string;
}

/**
 * Hands over what the services printed, in order of time, and goes on with what they print where it is followed, also
 * of containers that start later. Ends when aborted; `onEntry` may take its time.
 */
export async function runLogs(
  context: LogsContext,
  options: LogsOptions,
  onEntry: (entry: LogEntry) => void | Promise<void>,
): Promise<{ containers: number }> {
  const { engine, model, clock, directory, signal } = context;
  const { containers: all } = await engine.observe(model.name);
  const wants = selection(model, all, options.services ?? []);
  const chosen = all.filter(wants);
  const redact = redactorFor(directory, model);
  const entriesOf = (container: ObservedContainer, request: LogRequest) =>
    entries(engine.readLogs(container.id, request, signal), container.service, sourceOf(container, model, all), redact);

  // Up to a fixed moment everything is there to be sorted; what comes after it is followed from that moment on.
  const moment = clock.now();
  const past: LogRequest = {
    until: moment,
    ...(options.since !== undefined && { since: options.since }),
    ...(options.tail !== undefined && { tail: options.tail }),
  };
  const stopped = () => signal.aborted;
  for await (const entry of mergedByTime(chosen.map((container) => entriesOf(container, past)))) {
    if (stopped()) break;
    await onEntry(entry);
  }
  if (options.follow && !stopped()) await followContainers(context, { chosen, wants, moment, entriesOf }, onEntry);
  return { containers: chosen.length };
}

async function* entries(
  lines: AsyncIterable<LogLine>,
  service: string,
  source: string,
  redact: (text: string) => string,
): AsyncGenerator<LogEntry> {
  for await (const line of lines) yield { ...line, text: redact(line.text), service, source };
}

/** Which containers are meant by these names. Throws for a name that means nothing. */
export function selection(
  model: StackModel,
  containers: readonly ObservedContainer[],
  names: readonly string[],
): (container: ObservedContainer) => boolean {
  if (names.length === 0) return (container) => !container.oneOff;
  const services = new Set([
    ...model.services.map(({ name }) => name),
    ...containers.filter(({ service }) => service !== "").map(({ service }) => service),
  ]);
  const wanted = new Set(
    names.flatMap((name) => {
      if (services.has(name)) return [name];
      const parts = model.services.filter(({ component }) => component === name).map((service) => service.name);
      if (parts.length === 0) throw unknownService(name, [...services]);
      return parts;
    }),
  );
  return (container) => wanted.has(container.service);
}

/** The error for a service that this stack does not have. */
export function unknownService(name: string, known: readonly string[]): StackError {
  return new StackError({
    code: "unknown-service",
    exit: "invalidInput",
    message: `there is no service "${name}" in this stack`,
    hint: didYouMean(name, known),
  });
}

function sourceOf(container: ObservedContainer, model: StackModel, all: readonly ObservedContainer[]): string {
  const { service, name } = container;
  const alone = all.filter((other) => other.service === service).length <= 1;
  const replicas = model.services.find((candidate) => candidate.name === service)?.replicas ?? 1;
  if (alone && replicas === 1) return service;
  const prefix = `${model.name}-`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}

/** Reads `10m`, `2h30m` (ago) or a date and time; milliseconds since 1970. Throws where it is neither. */
export function parseSince(text: string, now: number): number {
  const ago = parseDuration(text);
  if (ago !== undefined) return now - ago;
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return time;
  throw new StackError({
    code: "bad-time",
    exit: "invalidInput",
    message: `"${text}" is no time`,
    hint: "write how long ago (10m, 2h, 1d) or when (2026-01-31, 2026-01-31T10:00:00Z)",
  });
}
