import type { Command, Group, Option } from "./command.ts";
import { alertsCommands, alertsGroup } from "./table-alerts.ts";
import { backupCommands, backupGroups } from "./table-backup.ts";
import { jobCommands, jobGroup } from "./table-jobs.ts";

const dryRun: Option = { name: "dry-run", help: "show what would be done and stop" };
const services = { name: "SERVICE", variadic: true, help: "only these services", completion: "service" } as const;
const engineExits = ["unhealthy", "engineUnreachable", "locked", "secret"] as const;

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
      {
        name: "environment",
        value: "NAME",
        help: "which of the stack.yaml's environments: staging, development (default: production)",
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
    name: "import",
    summary: "make a new stack of an existing Compose file",
    place: "anywhere",
    description:
      "Reads a Compose file as Compose does, makes a stack.yaml of it and the stack in a new directory, and reports what was understood, what is kept as it is, and what was unsafe and is fixed. Containers, volumes and the file itself are not touched; passwords go into files under secrets/ and are shown nowhere.",
    positionals: [
      {
        name: "FILE",
        variadic: true,
        help: "Compose file; of several, later ones override",
        completion: "file",
      },
    ],
    options: [
      { name: "file", short: "f", value: "FILE", repeatable: true, help: "one more Compose file", completion: "file" },
      { name: "profile", value: "NAME", repeatable: true, help: "also the services of this profile" },
      { name: "app", value: "SERVICE", repeatable: true, help: "this service is an application of yours" },
      { name: "drop-swarm", help: "leave out what only Docker Swarm reads" },
      dryRun,
    ],
    examples: [
      ["create-stack import docker-compose.yml --dry-run", "the report alone"],
      ["create-stack import docker-compose.yml --dir /srv/shop --app api", "write the stack; api is yours"],
    ],
    load: () => import("./commands/import.ts"),
  },
  {
    name: "presets",
    summary: "list the presets with what they need, or print one",
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
    name: "demo",
    summary: "a running stack with a small application, on this machine",
    place: "anywhere",
    description:
      "Makes the demo stack in ./demo-stack, starts and migrates it, and requests https://demo.localhost through Traefik. Run it again to bring the same stack up to date.",
    options: [
      { name: "down", help: "remove the demo with its containers, volumes and directory" },
      { name: "set", value: "PATH=VALUE", repeatable: true, help: "change a value of its stack.yaml, as with create" },
      { name: "install-engine", help: "install Docker first where it is missing (Debian and Ubuntu)" },
    ],
    exits: [...engineExits],
    examples: [
      ["./prod.sh demo --install-engine", "everything, on a fresh machine"],
      ["./prod.sh demo --down", "remove it again"],
    ],
    load: () => import("./commands/demo.ts"),
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
      {
        name: "environment",
        value: "NAME",
        help: "make it another of stack.yaml's environments; it stays that one",
      },
    ],
    load: () => import("./commands/generate.ts"),
  },
  {
    name: "start",
    summary: "bring the stack up, in order, and wait until it is healthy",
    place: "stack",
    positionals: [services],
    options: [
      dryRun,
      { name: "timeout", value: "TIME", help: "give up waiting after this time, such as 5m" },
      { name: "no-pull", help: "use the images that are here" },
      { name: "overcommit", help: "start although the limits add up to more than this host's memory" },
    ],
    exits: [...engineExits],
    load: () => import("./commands/start.ts"),
  },
  {
    name: "stop",
    summary: "stop the stack; its data stays",
    place: "stack",
    positionals: [services],
    options: [dryRun],
    exits: ["engineUnreachable", "locked"],
    load: () => import("./commands/stop.ts"),
  },
  {
    name: "restart",
    summary: "stop and start services again",
    place: "stack",
    positionals: [services],
    options: [dryRun, { name: "timeout", value: "TIME", help: "give up waiting after this time, such as 5m" }],
    exits: [...engineExits],
    load: () => import("./commands/restart.ts"),
  },
  {
    name: "status",
    summary: "one screen: services, routes, volumes, host",
    place: "stack",
    options: [
      { name: "watch", short: "w", help: "draw it again every two seconds" },
      { name: "sizes", help: "measure the volumes too; reads every file, so it can take long" },
    ],
    exits: ["unhealthy", "engineUnreachable"],
    load: () => import("./commands/status.ts"),
  },
  {
    name: "watch",
    summary: "stay, and restart what is unhealthy; install lets systemd do it",
    place: "stack",
    description:
      "Looks at the stack every 15 seconds. A service that is unhealthy is restarted, then after 1, 2, 4, 8 and 10 minutes again if it must be. Left alone is what starts, what was stopped, what waits for another service, everything while another command is at work, and a server with data that was not healthy yet. Writes the metrics where the stack has monitoring; where not, tells those whom notify: names.",
    positionals: [
      {
        name: "ACTION",
        help: "install: have systemd run it; show: whether it runs, and the unit; remove: take it away",
        completion: ["install", "show", "remove"],
      },
    ],
    options: [{ name: "every", value: "TIME", help: "time between two looks (default 15s)" }],
    examples: [
      ["./prod.sh watch install", "from now on, and after each start of this server"],
      ["./prod.sh watch --every 30s", "here, until Ctrl-C"],
    ],
    exits: ["locked"],
    load: () => import("./commands/watch.ts"),
  },
  {
    name: "logs",
    summary: "what the services print, merged by time",
    place: "stack",
    positionals: [services],
    options: [
      { name: "follow", short: "f", help: "go on as new lines come" },
      { name: "since", value: "TIME", help: "only newer than this: 10m, 2h, or 2026-01-31T10:00:00Z" },
      { name: "tail", short: "n", value: "LINES", help: "only the last lines of each service (default 200)" },
    ],
    exits: ["engineUnreachable"],
    load: () => import("./commands/logs.ts"),
  },
  {
    name: "exec",
    summary: "run a command in a running service",
    place: "stack",
    positionals: [
      { name: "SERVICE", required: true, help: "the service to run it in", completion: "service" },
      { name: "COMMAND", passThrough: true, help: "what to run (default: a shell)" },
    ],
    description: "Ends with the exit code of the command.",
    options: [
      { name: "user", short: "u", value: "USER", help: "as this user of the container" },
      { name: "index", value: "NUMBER", help: "in this container, where the service has several" },
    ],
    exits: ["unhealthy", "engineUnreachable"],
    examples: [["./prod.sh exec server node --version", "all words after the service belong to the command"]],
    load: () => import("./commands/exec.ts"),
  },
  {
    name: "open",
    summary: "how to get to Grafana and other pages of the stack",
    place: "stack",
    positionals: [{ name: "PAGE", help: "only this one: grafana, prometheus, kibana" }],
    description: "Prints the address, or the ssh line that makes one, who logs in, and how to read the password.",
    options: [],
    exits: ["unhealthy", "engineUnreachable"],
    load: () => import("./commands/open.ts"),
  },
  {
    name: "migrate",
    summary: "bring the databases up to date",
    place: "stack",
    positionals: [{ name: "APP", variadic: true, help: "only these apps", completion: "service" }],
    options: [
      dryRun,
      { name: "seed", help: "fill in first data afterwards" },
      { name: "wait", value: "TIME", help: "wait this long for a migration that runs already" },
    ],
    exits: ["partial", ...engineExits],
    load: () => import("./commands/migrate.ts"),
  },
  ...backupCommands,
  ...jobCommands,
  ...alertsCommands,
  {
    name: "destroy",
    summary: "remove the stack's containers and networks; asks first",
    place: "stack",
    positionals: [{ name: "NAME", help: "the stack's name, instead of being asked for it" }],
    options: [dryRun, { name: "volumes", help: "the data as well" }],
    examples: [["./prod.sh destroy --volumes shop", "without being asked, with the data"]],
    exits: ["engineUnreachable", "locked"],
    load: () => import("./commands/destroy.ts"),
  },
  {
    name: "lock",
    summary: "pin the images by digest",
    place: "stack",
    description:
      "Asks each image's registry for the digest behind its tag and writes it down, so that a server gets the same bytes.",
    options: [dryRun, { name: "check", help: "only tell which tags have moved since" }],
    exits: ["partial", "unhealthy"],
    load: () => import("./commands/lock.ts"),
  },
  {
    name: "completion",
    summary: "print a script that completes commands in your shell",
    place: "anywhere",
    positionals: [
      { name: "SHELL", required: true, help: "bash, zsh or fish", completion: ["bash", "zsh", "fish"] },
      { name: "WORDS", passThrough: true, help: "used by the script itself" },
    ],
    examples: [['eval "$(./prod.sh completion bash)"', "for this shell"]],
    load: () => import("./commands/completion.ts"),
  },
];

export function findCommand(name: string): Command | undefined {
  return commands.find((command) => command.name === name);
}

/** First words of verbs that have two. */
export const groups: Group[] = [...backupGroups, jobGroup, alertsGroup];

export function findGroup(name: string): Group | undefined {
  return groups.find((group) => group.name === name);
}

/** The verbs of a group, in the order of its help. */
export function commandsOf(group: Pick<Group, "name">): Command[] {
  return commands.filter(({ name }) => name.startsWith(`${group.name} `));
}

/** The second word of a verb that has two, else its only one. */
export function lastWord({ name }: Pick<Command, "name">): string {
  return name.slice(name.indexOf(" ") + 1);
}
