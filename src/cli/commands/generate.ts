import { sharedServersLines } from "../../generator/handbook-servers.ts";
import { type GenerateResult, patchOf, runGenerate } from "../../operations/generate.ts";
import type { SecretFile } from "../../stack/model.ts";
import type { Call } from "../command.ts";
import { stackOf } from "../find-stack.ts";
import { generateRequest } from "../generation.ts";
import type { Output } from "../output.ts";

/** Writes a stack's files again after an edit of stack.yaml. */
export async function run(call: Call): Promise<"done"> {
  const { output, carried } = call;
  const directory = stackOf(call);
  const dryRun = call.has("dry-run");
  const environment = call.value("environment");
  const result = await runGenerate(generateRequest(carried, directory), {
    dryRun,
    overwrite: call.values("overwrite"),
    keep: call.values("keep"),
    ...(environment !== undefined && { environment }),
  });
  if (output.json) printJson(result, dryRun, output);
  else printResult(result, call, dryRun);
  return "done";
}

function printResult(result: GenerateResult, call: Call, dryRun: boolean): void {
  const { output } = call;
  printChanges(result, call.has("diff"), output);
  const acting = result.changes.filter((change) => change.action !== "keep-edited").length;
  if (acting === 0 && result.secrets.length === 0) output.print("Nothing to change.");
  else if (dryRun) output.print(`${acting} files would change. Nothing was written.`);
  else output.print(`Done. Apply it with: ${output.caller} start`);
  if (acting > 0) for (const line of sharedServersLines(result.model)) output.print(line);
  printMissing(result, output);
}

const words = {
  create: ["green", "new"],
  update: ["yellow", "changed"],
  remove: ["red", "removed"],
  "keep-edited": ["cyan", "kept, edited by you"],
  conflict: ["red", "conflict: edited by you, and changed by stack.yaml"],
} as const;

function printChanges({ changes, secrets }: GenerateResult, diff: boolean, output: Output): void {
  for (const change of changes) {
    const [style, word] = words[change.action];
    output.print(`${output.paint(style, word.padEnd(8))} ${change.path}`);
    if (diff && change.action !== "keep-edited") output.print(patchOf(change).split("\n").slice(1).join("\n"));
  }
  for (const name of secrets) output.print(`${output.paint("green", "new".padEnd(8))} secrets/${name}`);
}

/** Names the secrets that only the user can supply. */
export function printMissing({ missing }: GenerateResult, output: Output): void {
  const purposeOf = (secret: SecretFile) => (secret.kind === "supplied" ? secret.for : undefined);
  const list = (event: string, secrets: readonly SecretFile[]) => {
    if (secrets.length === 0) return;
    output.print("");
    output.print(`Put these secrets in place before the ${event}:`);
    for (const secret of secrets) output.print(`  secrets/${secret.name}   ${secret.about}`);
  };
  for (const [event, purpose] of [
    ["start", undefined],
    ["first backup", "backup"],
    ["first notice", "notify"],
  ] as const)
    list(
      event,
      missing.filter((secret) => purposeOf(secret) === purpose),
    );
}

function printJson({ changes, secrets, missing }: GenerateResult, dryRun: boolean, output: Output): void {
  output.printJson({
    dryRun,
    changes: changes.map(({ path, action }) => ({ path, action })),
    secrets,
    missingSecrets: missing.map(({ name, about }) => ({ name, about })),
  });
}
