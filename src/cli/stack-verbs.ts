import type { Action, StackModel } from "../stack/model.ts";
import { typedActions } from "../stack/typed-verbs.ts";
import type { Command } from "./command.ts";

type Adding = Pick<StackModel, "shortcuts" | "actions">;

/** A verb that the components of a stack add: `psql`, `redis`. */
export interface StackVerb {
  verb: string;
  about: string;
}

/** All of them, each once. */
export function stackVerbs(model: Adding | undefined): StackVerb[] {
  if (model === undefined) return [];
  const types = distinct(model.actions.map(({ verb }) => verb));
  const all = [
    ...model.shortcuts.map(({ verb, about }) => ({ verb, about })),
    ...types.map((verb) => ({ verb, about: aboutActions(actionsOf(model, verb)) })),
  ];
  return all.filter(({ verb }, index) => all.findIndex((other) => other.verb === verb) === index);
}

/** What a word means that no verb of the program's own is. */
export function stackCommand(model: Adding | undefined, word: string): Command | undefined {
  const shortcut = model?.shortcuts.find(({ verb }) => verb === word);
  if (shortcut !== undefined)
    return {
      name: shortcut.verb,
      summary: shortcut.about,
      place: "stack",
      positionals: [{ name: "ARGUMENTS", passThrough: true, help: `for ${shortcut.verb} itself` }],
      exits: ["engineUnreachable"],
      load: () => import("./commands/shortcut.ts"),
    };
  const actions = model === undefined ? [] : actionsOf(model, word);
  return actions.length === 0 ? undefined : actionCommand(word, actions);
}

function actionCommand(verb: string, actions: readonly Action[]): Command {
  const words = distinct(actions.map(({ word }) => word));
  const components = distinct(actions.map(({ component }) => component));
  return {
    name: verb,
    summary: aboutActions(actions),
    place: "stack",
    positionals: [
      { name: "ACTION", required: true, help: words.join(" or "), completion: words },
      {
        name: "COMPONENT",
        help: components.length === 1 ? `the only one is ${components[0]}` : components.join(" or "),
        completion: components,
      },
    ],
    examples: typedActions(actions).map(({ line, about }) => [`./prod.sh ${line}`, about]),
    exits: ["unhealthy", "engineUnreachable", "locked"],
    load: () => import("./commands/action.ts"),
  };
}

/** One action says itself what it does; of several the words. */
function aboutActions(actions: readonly Action[]): string {
  const words = distinct(actions.map(({ word }) => word));
  const [first] = actions;
  return words.length === 1 && first !== undefined ? `${first.word}: ${first.about}` : `by hand: ${words.join(", ")}`;
}

function actionsOf({ actions }: Adding, verb: string): Action[] {
  return actions.filter((action) => action.verb === verb);
}

function distinct(words: readonly string[]): string[] {
  return [...new Set(words)];
}
