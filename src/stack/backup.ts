import { z } from "zod";
import type { BackupConfig } from "./config.ts";
import { cronProblem } from "./cron.ts";
import { duration, name, secretName, size } from "./fields.ts";
import { parseRecipient } from "./recipient.ts";

/** A cron line of five fields. */
export function cron(example: string) {
  return z.string({ error: `expected a cron line such as "${example}"` }).superRefine((text, issues) => {
    const problem = cronProblem(text);
    if (problem !== undefined) issues.addIssue({ code: "custom", message: `${problem}, such as "${example}"` });
  });
}

/** IANA name of a time zone; UTC where it is left out. */
export function timezone() {
  return z.string().refine(isTimezone, "expected a time zone such as UTC or Europe/Berlin").default("UTC");
}

const schedule = z
  .strictObject({
    full: cron("0 2 * * *").default("0 2 * * *").describe("When everything is copied in full"),
    dump: cron("0 */6 * * *").default("0 */6 * * *").describe("When databases are dumped (pg_dump)"),
    increment: cron("*/10 * * * *").default("*/10 * * * *").describe("When what changed is copied"),
    drill: cron("0 5 * * 0").default("0 5 * * 0").describe("When the newest backups are restored on trial"),
    timezone: timezone().describe("Time zone of the schedule"),
    jitter: duration().prefault("60s").describe("A run begins up to this much later"),
  })
  .prefault({})
  .describe("When backups run, as cron lines; ./prod.sh schedule install makes them run");

const keep = z
  .strictObject({
    local: duration().prefault("7d").describe("How long copies stay on this server"),
    remote: duration().prefault("30d").describe("How long copies stay at the destinations"),
    frequent: duration().prefault("24h").describe("How long every single increment is kept; then the last of each day"),
    atLeast: z.int().min(1).default(3).describe("Checked copies of each source that stay however old they are"),
  })
  .prefault({})
  .describe("How long backups are kept");

const oneWay = "expected recipients:, gpg: or off: true, and only one of them";

const encrypt = z
  .strictObject(
    {
      recipients: z
        .array(
          // The text is never repeated: it could be the private key.
          z
            .string("expected a public key such as age1…; ./prod.sh backup keygen makes one")
            .superRefine((text, issues) => {
              const parsed = parseRecipient(text);
              if (parsed.kind === "problem")
                issues.addIssue({ code: "custom", message: `${parsed.problem}; ${parsed.hint}` });
            }),
        )
        .min(1)
        .optional()
        .describe("Public age keys; only the owners of their private keys can read what leaves this server"),
      gpg: z.array(z.string()).min(1).optional().describe("Files with public GPG keys, instead of age"),
      off: z.literal(true).optional().describe("Leave copies at the destinations readable for whoever has them"),
    },
    // `encrypt: false` is what one tries first.
    { error: ({ code }) => (code === "invalid_type" ? oneWay : undefined) },
  )
  .refine((given) => Object.values(given).filter((value) => value !== undefined).length === 1, {
    error: oneWay,
  })
  .describe("Who can read what leaves this server");

const destination = z.strictObject({
  type: z.literal("s3", { error: 'expected "s3"' }).default("s3"),
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "expected the name of a bucket")
    .describe("Bucket"),
  region: z.string().optional().describe("Region of the bucket: eu-central-1"),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^/\s]+\/?$/, "expected an address such as https://s3.example.com")
    .optional()
    .describe("Address of a server other than AWS"),
  prefix: z
    .string()
    .regex(
      /^[A-Za-z0-9._=-]+(\/[A-Za-z0-9._=-]+)*$/,
      'expected a folder such as shop or servers/shop, without "/" at its ends',
    )
    .optional()
    .describe("Folder in the bucket (default: the stack's name)"),
  pathStyle: z.boolean().optional().describe("The bucket's name in the path instead of the host name"),
  credentials: secretName().describe("Secret: access key id in the first line, secret key in the second"),
  bandwidth: size().optional().describe("Bytes per second at most: 20m"),
  keep: duration().optional().describe("How long copies stay there (default: keep.remote)"),
  appendOnly: z.boolean().default(false).describe("Never remove anything there; the bucket's own rules do"),
});

const report = z
  .strictObject({
    ping: secretName().optional().describe("Secret with an address that is requested after each run without a failure"),
    webhook: secretName().optional().describe("Secret with an address that gets a JSON document of each run"),
    textfile: z.string().optional().describe("Folder for a file with metrics, for the node exporter"),
  })
  .prefault({})
  .describe("Who is told how backups went");

/** `backup:` of stack.yaml. Left out, everything is copied to this server alone. */
export const backupShape = z
  .strictObject({
    schedule,
    keep,
    encrypt: encrypt.optional(),
    destinations: z.record(z.string(), destination).default({}).describe("Where copies go beyond this server"),
    rpo: duration().prefault("15m").describe("How much may be lost at most: older copies raise the alarm"),
    rto: duration().prefault("30m").describe("How long a restore may take at most"),
    report,
  })
  .prefault({})
  .describe("Backups: when, how long, where to, for whose eyes");

export type BackupSection = z.infer<typeof backupShape>;

/** What is wrong in `backup:` beyond its types, with paths inside it. */
export function backupProblems(section: BackupSection): { path: (string | number)[]; message: string; hint: string }[] {
  const problems = Object.keys(section.destinations).flatMap((key) => {
    const shape = name("a destination's name").safeParse(key);
    const taken = key === "local";
    if (shape.success && !taken) return [];
    const message = taken ? '"local" is the folder backups/ of this server' : (shape.error?.issues[0]?.message ?? "");
    return [{ path: ["destinations", key], message, hint: "give the destination another name" }];
  });
  if (Object.keys(section.destinations).length > 0 && section.encrypt === undefined)
    problems.push({
      path: ["destinations"],
      message: "copies leave this server, and nothing says who may read them",
      hint: "run `create-stack backup keygen` and write encrypt: { recipients: [age1…] } (or encrypt: { off: true })",
    });
  return problems;
}

/** Settings of the model from a checked section. */
export function backupConfig(section: BackupSection, stack: string): BackupConfig {
  const { encrypt: given } = section;
  return {
    schedule: section.schedule,
    keep: section.keep,
    encrypt: given?.recipients
      ? { kind: "age", recipients: given.recipients }
      : given?.gpg
        ? { kind: "gpg", keys: given.gpg }
        : { kind: "none" },
    destinations: Object.entries(section.destinations).map(([key, { prefix = stack, ...rest }]) => ({
      name: key,
      ...defined(rest),
      prefix,
    })),
    rpo: section.rpo,
    rto: section.rto,
    report: defined(section.report),
  };
}

/** Without keys that hold undefined. */
function defined<Item extends object>(item: Item): { [Key in keyof Item]: Exclude<Item[Key], undefined> } {
  return Object.fromEntries(Object.entries(item).filter(([, value]) => value !== undefined)) as never;
}

function isTimezone(text: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}
