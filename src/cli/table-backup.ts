import type { Command, Group } from "./command.ts";

const json = "Progress goes to stderr, the result to stdout; --json prints it as one document.";

/** First words of the verbs below. */
export const backupGroups: Group[] = [
  {
    name: "backup",
    summary: "make, check and keep backups",
    place: "stack",
    description: `Copies go to backups/ in the stack's directory first and from there to every destination of stack.yaml, encrypted on the way. ${json}`,
  },
];

/** Verbs for backup, restore and the schedule, in the order of the help text. */
export const backupCommands: Command[] = [
  {
    name: "backup doctor",
    summary: "try the destinations of backups and say what they can do",
    place: "stack",
    description:
      "Writes, reads, lists and removes a small object of its own at each destination. That nothing may be removed there is told, and is no failure.",
    positionals: [
      {
        name: "DESTINATION",
        variadic: true,
        help: "only these: local, or names of stack.yaml",
        completion: "destination",
      },
    ],
    exits: ["engineUnreachable", "secret", "backupFailed"],
    examples: [["./prod.sh backup doctor offsite", "one destination"]],
    load: () => import("./commands/backup-doctor.ts"),
  },
];
