import type { Engine, ObservedContainer } from "../engine/engine.ts";
import type { Inspection, InspectionAnswer, StackModel } from "../stack/model.ts";
import { within } from "../support/deadline.ts";
import { messageOf } from "../support/errors.ts";
import type { Redact } from "../support/redact.ts";
import type { ComponentFacts, StatusProblem } from "./status-report.ts";

/** Milliseconds that a component has to tell of itself; who looks at a status does not wait longer. */
const answerTimeout = 5_000;
/** Characters of a text that a component tells; more would push everything else off the screen. */
const longestText = 300;

export interface InspectedComponents {
  facts: ComponentFacts[];
  problems: StatusProblem[];
}

/**
 * Asks each component what it tells of itself, all at the same time. Never fails: what cannot be asked because its
 * services do not run is told as services; what answers badly or not in time is a problem.
 */
export async function inspectComponents(
  engine: Pick<Engine, "exec">,
  model: StackModel,
  containers: readonly ObservedContainer[],
  redact: Redact,
): Promise<InspectedComponents> {
  return joined(model.inspections.map((inspection) => inspect(engine, inspection, containers, redact)));
}

/** All that was found out, in this order. */
export async function joined(parts: readonly Promise<InspectedComponents>[]): Promise<InspectedComponents> {
  const all = await Promise.all(parts);
  return { facts: all.flatMap(({ facts }) => facts), problems: all.flatMap(({ problems }) => problems) };
}

/** The first of these services that runs, a healthy one before others; undefined where none does. */
export function firstRunning(
  services: readonly string[],
  containers: readonly ObservedContainer[],
): ObservedContainer | undefined {
  const running = services.flatMap((name) =>
    containers.filter(({ service, oneOff, state }) => service === name && !oneOff && state === "running"),
  );
  return running.find(({ health }) => health === "healthy") ?? running[0];
}

async function inspect(
  engine: Pick<Engine, "exec">,
  { component, services, command }: Inspection,
  containers: readonly ObservedContainer[],
  redact: Redact,
): Promise<InspectedComponents> {
  const asked = firstRunning(services, containers);
  if (asked === undefined) return { facts: [], problems: [] };
  const usualHint = `./prod.sh logs ${asked.service} --tail 50`;
  try {
    const work = engine.exec(asked.id, command, { timeout: answerTimeout });
    const { exitCode, stdout, stderr } = await within(answerTimeout, component, work, new AbortController().signal);
    if (exitCode !== 0) throw new Error(lastLine(stderr) ?? lastLine(stdout) ?? `exit code ${exitCode}`);
    const { facts, problems = [] } = readAnswer(stdout);
    const shown = Object.entries(facts).map(([name, value]) => [oneLine(name, redact), oneLine(value, redact)]);
    return {
      facts: shown.length === 0 ? [] : [{ component, facts: Object.fromEntries(shown) }],
      problems: problems.map(({ message, hint = usualHint }) => ({
        subject: component,
        message: oneLine(message, redact),
        hint: oneLine(hint, redact),
      })),
    };
  } catch (error) {
    // What has just been started has nothing to tell yet.
    if (asked.health === "starting") return { facts: [], problems: [] };
    const message = `${component} was asked how it is (in ${asked.service}) and gave no answer: ${messageOf(error)}`;
    return { facts: [], problems: [{ subject: component, message: oneLine(message, redact), hint: usualHint }] };
  }
}

/** An error where the text is no answer: what a component prints is not trusted to have the right shape. */
function readAnswer(text: string): InspectionAnswer {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Error(`what it said is no JSON: ${lastLine(text) ?? "nothing"}`);
  }
  const { facts, problems } = (answer ?? {}) as Partial<Record<keyof InspectionAnswer, unknown>>;
  if (!isRecord(facts)) throw new Error("its answer has no facts");
  return { facts: textsOf(facts), problems: Array.isArray(problems) ? problems.flatMap(problemOf) : [] };
}

function problemOf(problem: unknown): NonNullable<InspectionAnswer["problems"]> {
  const { message, hint } = isRecord(problem) ? problem : {};
  if (typeof message !== "string" || message === "") throw new Error("its answer has a problem without a message");
  return [{ message, ...(typeof hint === "string" && hint !== "" && { hint }) }];
}

function textsOf(facts: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, String(value)]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function lastLine(text: string): string | undefined {
  return text.trim().split("\n").at(-1) || undefined;
}

/** No secret, nothing that a terminal would obey, not longer than a line can be. */
function oneLine(text: string, redact: Redact): string {
  const plain = redact(text)
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, " ")
    .trim();
  return plain.length > longestText ? `${plain.slice(0, longestText - 1)}…` : plain;
}
