import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Confirmation, confirmKey, type NewKey, runKeygen } from "../../operations/backup/keygen.ts";
import { messageOf, StackError } from "../../support/errors.ts";
import type { Call } from "../command.ts";
import { findStack, readModel, stackOf } from "../find-stack.ts";
import { isOnTerminal, type Output } from "../output.ts";

/** Makes a key for backups and has its owner show that it was kept; with --confirm looks at a key that was kept. */
export async function run(call: Call): Promise<"done"> {
  const file = call.value("confirm");
  if (file === undefined) await make(call);
  else await confirm(call, file);
  return "done";
}

async function make(call: Call): Promise<void> {
  const { output } = call;
  const directory = findStack(call.value("dir"), call.carried.path, process.cwd());
  const ask = isOnTerminal(output) && !call.has("yes");
  const later = `${output.caller} backup keygen --confirm FILE`;
  const { recipient, confirmed } = await runKeygen({
    directory,
    // What is printed is a whole key file, so that it can be saved as it is or piped into a password manager.
    show: (key) =>
      output.json ? output.printJson({ ...key, confirmed: false, confirm: later }) : output.print(keyFile(key)),
    ...(ask && { askBack: (isTheKey: (answer: string) => boolean) => askBack(isTheKey, output) }),
  });
  if (output.json) return;
  for (const line of nextSteps(recipient, confirmed, later)) output.note(line);
}

/** As `age-keygen` writes it, with words for whoever finds it in ten years. */
function keyFile({ identity, recipient }: NewKey): string {
  return [
    "# Private key for backups. Keep it away from the server: in a password manager, on paper, best in two places.",
    "# Whoever has it can read the backups. Without it nobody can, and nobody can make it again.",
    "# A restore takes it with --key FILE; by hand: age -d -i FILE backup.tar.zst.age | zstd -d | tar x",
    `# public key: ${recipient}`,
    identity,
  ].join("\n");
}

async function askBack(isTheKey: (answer: string) => boolean, output: Output): Promise<boolean> {
  const { input } = await import("../prompts.ts");
  output.note("\nSave these lines now. Then paste the private key back from the place where you saved it.");
  const answer = await input("Private key (Enter: later)", {
    optional: true,
    secret: true,
    validate: (text) => (isTheKey(text) ? undefined : "this is not the private key above; copy its whole line"),
  });
  return answer !== "";
}

function nextSteps(recipient: string, confirmed: boolean, later: string): string[] {
  const kept = confirmed
    ? ["Confirmed: you have the private key. It was not stored here."]
    : [
        "NOT CONFIRMED yet that you have kept the private key. It was not stored here and is not shown again.",
        `Each backup warns of that until you show it: ${later} (- reads it from stdin)`,
      ];
  return [
    "",
    ...kept,
    "Write the public key to stack.yaml, then run generate:",
    "  backup:",
    "    encrypt:",
    "      recipients:",
    `        - ${recipient}`,
  ];
}

async function confirm(call: Call, file: string): Promise<void> {
  const { output } = call;
  const directory = stackOf(call);
  const { encrypt } = readModel(directory).backup;
  const result = await confirmKey({ directory, encrypt }, readKeyFile(file));
  if (output.json) output.printJson({ ...result });
  else output.print(confirmedText(result));
}

function readKeyFile(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : resolve(file), "utf8");
  } catch (error) {
    throw new StackError({
      code: "backup-key-unreadable",
      exit: "secret",
      message: `The key file ${file} cannot be read: ${messageOf(error)}`,
      hint: "name the file with the private key, or pipe it in: … backup keygen --confirm - < FILE",
    });
  }
}

function confirmedText({ confirmed, missing }: Confirmation): string {
  return [
    ...confirmed.map((recipient) => `Confirmed: this key opens what is encrypted for ${recipient}.`),
    ...missing.map((recipient) => `Not confirmed yet: ${recipient}`),
  ].join("\n");
}
