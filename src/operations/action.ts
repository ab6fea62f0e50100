import type { Action, StackModel } from "../stack/model.ts";
import { unlessAborted } from "../support/deadline.ts";
import { StackError } from "../support/errors.ts";
import { didYouMean } from "../support/suggest.ts";
import type { Context } from "./context.ts";
import { exclusively } from "./operation.ts";
import { redactorFor } from "./secret-values.ts";
import { firstRunning } from "./status-inspections.ts";

export interface ActionRequest {
  /** Type of the component: `redis`. */
  verb: string;
  /** What is done, and the component where several can: `failover cache`. */
  words: readonly string[];
  /** The question is answered with yes already. */
  confirmed: boolean;
  /** Asks; undefined: nobody is there to be asked. */
  ask?: (question: string) => Promise<boolean>;
  /** Milliseconds to wait for another command that works on the stack. */
  wait?: number;
}

export interface ActionResult {
  component: string;
  /** Where its command ran. */
  service: string;
  /** What it printed, without values of secrets. */
  output: string;
}

/** Does by hand what a component offers, such as a failover, while nobody else works on the stack. */
export async function runAction(context: Context, request: ActionRequest): Promise<ActionResult> {
  const { engine, model, directory, signal, progress } = context;
  const action = findAction(model, request.verb, request.words);
  const { component, command, timeout, services } = action;
  const typed = `${action.verb} ${action.word} ${component}`;
  await requireYes(action, typed, request);
  return exclusively(context, typed, request.wait, async () => {
    const { containers } = await engine.observe(model.name);
    const target = firstRunning(services, containers);
    if (target === undefined) throw nothingRuns(action);
    const redact = redactorFor(directory, model);
    progress.phase(`${action.verb} ${action.word}: in ${target.service}`);
    const ended = await unlessAborted(engine.exec(target.id, command, { timeout }), signal);
    const output = redact(`${ended.stdout}${ended.stderr}`).trimEnd();
    if (ended.exitCode !== 0) throw failed(typed, target.service, ended.exitCode, output);
    return { component, service: target.service, output };
  });
}

/** Which action is meant. The component may be left out where only one has it. */
export function findAction(model: StackModel, verb: string, words: readonly string[]): Action {
  const offered = model.actions.filter((action) => action.verb === verb);
  const [word = "", component] = words;
  const same = offered.filter((action) => action.word === word);
  const [only] = same;
  if (only === undefined) {
    const known = [...new Set(offered.map((action) => action.word))];
    throw wrongWords("unknown-action", `${verb} has no action "${word}"`, didYouMean(word, known));
  }
  if (component === undefined && same.length === 1) return only;
  const found = same.find((action) => action.component === component);
  if (found !== undefined) return found;
  const names = same.map((action) => action.component);
  if (component === undefined)
    throw wrongWords(
      "which-component",
      `${verb} ${word} needs to know which component: ${names.join(" or ")}`,
      `./prod.sh ${verb} ${word} ${names[0]}`,
    );
  throw wrongWords(
    "which-component",
    `"${component}" is no component that ${verb} ${word} works on`,
    didYouMean(component, names),
  );
}

function wrongWords(code: string, message: string, hint: string): StackError {
  return new StackError({ code, exit: "invalidInput", message, hint });
}

async function requireYes({ asks }: Action, typed: string, { confirmed, ask }: ActionRequest): Promise<void> {
  if (asks === undefined || confirmed) return;
  if ((await ask?.(asks)) === true) return;
  throw new StackError({
    code: "not-confirmed",
    exit: "invalidInput",
    message: ask === undefined ? `Nothing was done: ${asks}` : "Nothing was done",
    hint: `./prod.sh ${typed} --yes`,
  });
}

function nothingRuns({ verb, word, component, services }: Action): StackError {
  return new StackError({
    code: "service-not-running",
    exit: "unhealthy",
    message: `${verb} ${word} cannot be done: none of ${services.join(", ")} runs`,
    hint: `./prod.sh start ${services.join(" ")}, then: ./prod.sh ${verb} ${word} ${component}`,
  });
}

function failed(typed: string, service: string, exitCode: number, output: string): StackError {
  return new StackError({
    code: "action-failed",
    exit: "unhealthy",
    message: `${typed} failed in ${service} with exit code ${exitCode}`,
    details: output === "" ? ["it printed nothing"] : output.split("\n").slice(-20),
    hint: `./prod.sh status; ./prod.sh logs ${service} --tail 50`,
  });
}
