import { unpackStack } from "../../operations/restore/from-bucket.ts";
import { runRestore } from "../../operations/restore/run.ts";
import { StackError } from "../../support/errors.ts";
import type { Call } from "../command.ts";
import { contextIn, progressOf } from "../context.ts";
import { restoreLines } from "../restore-report.ts";

/** On an empty host: a whole stack out of its bucket, with nothing but the bucket's keys and the private key. */
export async function run(call: Call): Promise<"done"> {
  const { output, words, signal } = call;
  const { env } = process;
  const optional = <Name extends string>(name: Name): { [Key in Name]?: string } => {
    const value = call.value(name);
    return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: string };
  };
  const unpacked = await unpackStack({
    url: words[0] ?? "",
    env,
    progress: progressOf(call),
    signal,
    ...optional("endpoint"),
    ...optional("region"),
    ...optional("key"),
    ...optional("into"),
  });
  output.note(`The stack ${unpacked.stack} is in ${unpacked.directory}; bringing its data back`);
  const context = await contextIn(unpacked.directory, call);
  const result = await runRestore(context, {
    version: call.carried.version,
    stores: [unpacked.store],
    ...optional("key"),
    ...optional("at"),
  }).catch((error) => {
    throw error instanceof StackError && error.exit === "interrupted" ? interrupted(error) : error;
  });
  if (output.json) output.printJson({ directory: unpacked.directory, stack: unpacked.stack, ...result });
  else
    output.print(
      [...restoreLines(result, "./prod.sh"), `Next: cd ${unpacked.directory} && ./prod.sh status`].join("\n"),
    );
  return "done";
}

/** What the restore itself would say is true in a stack whose data is there. */
function interrupted(cause: StackError): StackError {
  return new StackError({
    code: "interrupted",
    exit: "interrupted",
    message: "The restore was interrupted",
    hint: "the same command begins it again",
    cause,
  });
}
