import type { Command, Group, Option, Positional } from "./command.ts";

const json = "Progress goes to stderr, the result to stdout; --json prints it as one document.";

/** First words of the verbs below. */
export const backupGroups: Group[] = [
  {
    name: "backup",
    summary: "make, check and keep backups",
    place: "stack",
    description: `Copies go to backups/ in the stack's directory first and from there to every destination of stack.yaml, encrypted on the way. ${json}`,
  },
  {
    name: "schedule",
    summary: "make backups run by themselves",
    place: "stack",
    description:
      "What runs when stands in stack.yaml under backup: schedule. Cron or systemd calls `schedule run` every minute; what became due meanwhile is done once.",
  },
  {
    name: "restore",
    summary: "bring data back",
    place: "stack",
    description:
      "Each snapshot is loaded into a new volume and checked there while the stack serves on; then the two are swapped. What was there before is kept.",
  },
];

const source = { name: "only", value: "SOURCE", repeatable: true, completion: "source" } as const;
const wait: Option = { name: "wait", value: "TIME", help: "wait this long for another backup that is at work" };
const key: Option = {
  name: "key",
  value: "FILE",
  help: "file with the private key (- reads it from stdin)",
  completion: "file",
};
const on: Option = {
  name: "on",
  value: "DESTINATION",
  help: "only in this store: local, or a name of stack.yaml",
  completion: "destination",
};
const what: Positional = {
  name: "SNAPSHOT",
  help: "latest (default), or the id of a snapshot or run",
  completion: ["latest"],
};
const restoreOptions: Option[] = [
  { name: "at", value: "TIME", help: "data as of this moment: 2026-01-31T10:00:00Z, with its time zone" },
  {
    name: "only",
    value: "SOURCE",
    repeatable: true,
    help: "only this source, or one database: postgres/app",
    completion: "source",
  },
  { name: "into", value: "NAME", help: "beside the live data: a volume or database of this name" },
  on,
  key,
];
const exits = ["engineUnreachable", "locked", "secret", "backupFailed"] as const;

/** Verbs for backup, restore and the schedule, in the order of the help text. */
export const backupCommands: Command[] = [
  {
    name: "backup run",
    summary: "copy the data now, and bring it to every destination",
    place: "stack",
    description:
      "Each source is copied, checked and stored in backups/; then every destination gets what it lacks, also of earlier runs. One that fails stops no other.",
    options: [
      { ...source, help: "only this source, such as postgres" },
      {
        name: "to",
        value: "DESTINATION",
        repeatable: true,
        help: "only to this destination",
        completion: "destination",
      },
      {
        name: "lane",
        value: "LANE",
        help: "full, dump or increment (default: full)",
        completion: ["full", "dump", "increment"],
      },
      wait,
    ],
    exits: ["partial", ...exits],
    examples: [["./prod.sh backup run --only postgres --lane dump", "a logical dump of the databases"]],
    load: () => import("./commands/backup-run.ts"),
  },
  {
    name: "backup verify",
    summary: "look at stored backups: read all, check, restore on trial",
    place: "stack",
    description:
      "Without --deep every byte is read and compared with its hash, and the server's own checker looks at what can be read here. With it each snapshot is restored into a container without network and looked at there. Without an ID it is the newest of each source.",
    positionals: [{ name: "ID", variadic: true, help: "these snapshots, or those of this run; backup list shows ids" }],
    options: [
      { name: "all", help: "every snapshot there is" },
      { name: "deep", help: "restore them on trial" },
      on,
      key,
      wait,
    ],
    exits: [...exits],
    examples: [["./prod.sh backup verify --deep", "the newest of each source, restored on trial"]],
    load: () => import("./commands/backup-verify.ts"),
  },
  {
    name: "backup status",
    summary: "how much would be lost now, and how long a restore takes",
    place: "stack",
    exits: ["unhealthy"],
    load: () => import("./commands/backup-status.ts"),
  },
  {
    name: "backup list",
    summary: "the snapshots that there are",
    place: "stack",
    positionals: [{ name: "SOURCE", help: "only of this source", completion: "source" }],
    options: [{ ...on, repeatable: true }],
    exits: ["partial", "backupFailed"],
    load: () => import("./commands/backup-list.ts"),
  },
  {
    name: "backup prune",
    summary: "remove old backups, by the rules of stack.yaml",
    place: "stack",
    description:
      "Nothing is removed of a source whose newest backup failed, and never the last checked copies. What restores have put aside goes after three days. The schedule does this after each full backup.",
    options: [
      { name: "dry-run", help: "show what would be removed and stop" },
      { name: "force", help: "also where more than a quarter of the copies would go at once" },
      { name: "source", value: "NAME", help: "remove all copies of a source that stack.yaml does not name any more" },
      { ...on, repeatable: true },
    ],
    exits: ["partial", "locked", "secret", "backupFailed"],
    load: () => import("./commands/backup-prune.ts"),
  },
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
  {
    name: "backup keygen",
    summary: "make a key pair that backups are encrypted with",
    place: "anywhere",
    description:
      "Prints the private key once and stores it nowhere: keep it away from the server. The public key goes to stack.yaml.",
    options: [
      {
        name: "confirm",
        value: "FILE",
        help: "look whether the key in this file opens this stack's backups (- reads it from stdin)",
        completion: "file",
      },
    ],
    exits: ["secret"],
    examples: [["./prod.sh backup keygen > key.txt", "then keep key.txt elsewhere"]],
    load: () => import("./commands/backup-keygen.ts"),
  },
  {
    name: "schedule install",
    summary: "have cron or systemd call it every minute",
    place: "stack",
    description:
      "Writes one entry: a file in /etc/cron.d where cron runs, else units of systemd; for a user other than root their own crontab or units. Says what it wrote; doing it again changes nothing.",
    options: [
      { name: "print", help: "show what would be written and stop" },
      {
        name: "with",
        value: "SCHEDULER",
        help: "cron, crontab, systemd or systemd-user (default: what runs here)",
        completion: ["cron", "crontab", "systemd", "systemd-user"],
      },
    ],
    load: () => import("./commands/schedule-install.ts"),
  },
  {
    name: "schedule show",
    summary: "when what runs next, and whether it is installed",
    place: "stack",
    load: () => import("./commands/schedule-show.ts"),
  },
  {
    name: "schedule remove",
    summary: "take the entry away again",
    place: "stack",
    load: () => import("./commands/schedule-remove.ts"),
  },
  {
    name: "schedule run",
    summary: "do what is due now; cron and systemd call this",
    place: "stack",
    description:
      "Quiet where nothing is due or another backup is at work. What went well goes to stdout and to .stack/backup/schedule.log, what failed to stderr.",
    exits: ["partial", "engineUnreachable", "backupFailed"],
    load: () => import("./commands/schedule-run.ts"),
  },
  {
    name: "restore plan",
    summary: "say what a restore would do, and change nothing",
    place: "stack",
    positionals: [what],
    options: restoreOptions,
    exits: ["engineUnreachable", "secret", "backupFailed"],
    examples: [["./prod.sh restore plan --at 2026-01-31T10:00:00Z", "everything as it was at ten"]],
    load: () => import("./commands/restore-plan.ts"),
  },
  {
    name: "restore run",
    summary: "bring data back; shows the plan and asks first",
    place: "stack",
    positionals: [what],
    options: [...restoreOptions, wait],
    exits: ["unhealthy", ...exits],
    examples: [
      ["./prod.sh restore run --only postgres --at 2026-01-31T10:00:00Z", "the database server as it was at ten"],
      ["./prod.sh restore run --only postgres/app --into app_before", "one database, beside the live one"],
    ],
    load: () => import("./commands/restore-run.ts"),
  },
  {
    name: "restore undo",
    summary: "swap back what the last restore replaced",
    place: "stack",
    positionals: [{ name: "RESTORE", help: "this restore instead of the last; its id was printed when it ended" }],
    options: [wait],
    exits: ["unhealthy", ...exits],
    load: () => import("./commands/restore-undo.ts"),
  },
  {
    name: "restore from",
    summary: "make a whole stack anew on an empty server, from its bucket",
    place: "anywhere",
    description:
      "Needs this program, Docker, the bucket and the private key. The bucket's keys are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    positionals: [{ name: "URL", required: true, help: "bucket and folder: s3://shop-backups/shop" }],
    options: [
      key,
      { name: "endpoint", value: "URL", help: "address of an S3 server other than AWS" },
      { name: "region", value: "REGION", help: "region of the bucket" },
      { name: "into", value: "DIR", help: "directory to make (default: the stack's name)", completion: "directory" },
      { name: "at", value: "TIME", help: "data as of this moment: 2026-01-31T10:00:00Z, with its time zone" },
    ],
    exits: ["unhealthy", ...exits],
    examples: [["create-stack restore from s3://shop-backups/shop --key key.txt", "into ./shop, and start it"]],
    load: () => import("./commands/restore-from.ts"),
  },
];
