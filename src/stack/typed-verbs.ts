import type { Action, Shortcut } from "./model.ts";

/** What is typed behind `./prod.sh`, and what it does. */
export interface TypedLine {
  line: string;
  about: string;
}

/** Where several components have a verb, it takes the component's name first. */
export function typedShortcuts(shortcuts: readonly Shortcut[]): TypedLine[] {
  return shortcuts.map(({ verb, component, about }) => {
    const isOnly = shortcuts.filter((other) => other.verb === verb).length === 1;
    return { line: isOnly ? verb : `${verb} ${component}`, about };
  });
}

/** Where several components have an action, their names come last. */
export function typedActions(actions: readonly Action[]): TypedLine[] {
  return actions.map(({ verb, word, component, about }) => {
    const isOnly = actions.filter((other) => other.verb === verb && other.word === word).length === 1;
    return { line: isOnly ? `${verb} ${word}` : `${verb} ${word} ${component}`, about };
  });
}
