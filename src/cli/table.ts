import type { Command, Option } from "./command.ts";

const dryRun: Option = { name: "dry-run", help: "show what would be done and stop" };

/** Every verb, in the order of the help text. */
export const commands: Command[] = [
  {
    name: "create",
    summary: "make a new stack: asks, or takes a preset or a stack.yaml",
    place: "anywhere",
    description:
      "Writes a directory with everything a server needs to run the stack. Without --preset or --config it asks. Nothing is started.",
    positionals: [
      {
        name: "DIR",
        help: "directory to make; the same as --dir (default: the stack's name)",
        completion: "directory",
      },
    ],
    options: [
      {
        name: "preset",
        value: "NAME",
        help: "start from a preset; create-stack presets lists them",
        completion: "preset",
      },
      { name: "config", value: "FILE", help: "take this stack.yaml (- reads it from stdin)", completion: "file" },
      {
        name: "set",
        value: "PATH=VALUE",
        repeatable: true,
        help: "change a value: name=shop, components.server.image=ghcr.io/you/app:1.4.2; PATH= removes it",
      },
      dryRun,
    ],
    examples: [
      ["create-stack", "ask, then write ./<name>"],
      [
        "create-stack create shop --preset web --set components.app.image=ghcr.io/you/shop:1.0.0 --yes",
        "without questions",
      ],
      ["create-stack create --config stack.yaml --dir /srv/shop --dry-run", "show what would be written"],
    ],
    load: () => import("./commands/create.ts"),
  },
  {
    name: "presets",
    summary: "list the presets, or print one",
    place: "anywhere",
    positionals: [{ name: "NAME", help: "print the stack.yaml of this preset", completion: "preset" }],
    examples: [["create-stack presets web > stack.yaml", "a stack.yaml to start from"]],
    load: () => import("./commands/presets.ts"),
  },
  {
    name: "schema",
    summary: "print the JSON Schema of stack.yaml",
    place: "anywhere",
    load: () => import("./commands/schema.ts"),
  },
  {
    name: "generate",
    summary: "write the stack's files again after an edit of stack.yaml",
    place: "stack",
    description: "Shows what changes and writes only that. A file that you edited is never overwritten unless told.",
    options: [
      dryRun,
      { name: "diff", help: "show the changes line by line" },
      {
        name: "overwrite",
        value: "FILE",
        repeatable: true,
        help: "replace this file although it was edited",
        completion: "file",
      },
      { name: "keep", value: "FILE", repeatable: true, help: "leave this edited file as it is", completion: "file" },
    ],
    load: () => import("./commands/generate.ts"),
  },
];

export function findCommand(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}
