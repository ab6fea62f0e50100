import inquirer from "inquirer";
import { messageOf, StackError } from "../support/errors.ts";

/** What is typed to leave out an entry for which Enter would take a value. */
export const none = "none";

interface InputOptions {
  default?: string;
  /** `none` is an answer. */
  optional?: boolean;
  /** Shown as stars. */
  secret?: boolean;
  /** What is wrong with an answer, or undefined. */
  validate(answer: string): string | undefined;
}

/** A line of text, checked as it is typed. */
export async function input(message: string, options: InputOptions): Promise<string> {
  const problem = (text: string) => {
    if (options.optional === true && (text === none || text === "")) return undefined;
    return text === "" ? "an answer is needed" : options.validate(text);
  };
  const answer = await prompt<string>({
    ...(options.secret === true ? { type: "password", mask: "*" } : { type: "input" }),
    message,
    ...(options.default !== undefined && options.default !== "" && { default: options.default }),
    validate: (text: string) => problem(text.trim()) ?? true,
  });
  return answer.trim() === none && options.optional === true ? "" : answer.trim();
}

interface Choice {
  value: string;
  name: string;
  short?: string;
}

/** One of several. */
export function select(message: string, choices: Choice[], usual?: string): Promise<string> {
  return prompt<string>({ type: "select", message, choices, default: usual, loop: false, pageSize: 12 });
}

/** Any of several. */
export function checkbox(message: string, choices: Choice[]): Promise<string[]> {
  return prompt<string[]>({ type: "checkbox", message, choices, loop: false, pageSize: 12 });
}

export function confirm(message: string, usual: boolean): Promise<boolean> {
  return prompt<boolean>({ type: "confirm", message, default: usual });
}

export function declined(message: string): StackError {
  return new StackError({ code: "interrupted", exit: "interrupted", message });
}

async function prompt<Answer>(question: Record<string, unknown>): Promise<Answer> {
  try {
    const answers = await inquirer.prompt([{ ...question, name: "answer" } as never]);
    return (answers as { answer: Answer }).answer;
  } catch (error) {
    // Ctrl-C, or a terminal that went away.
    if (error instanceof Error && error.name === "ExitPromptError") throw declined("Interrupted. Nothing was changed.");
    throw new Error(`the question could not be asked: ${messageOf(error)}`, { cause: error });
  }
}
