import type { RestoreOptions } from "../../operations/restore/plan.ts";
import type { Call } from "../command.ts";
import { durationOption } from "../option-values.ts";

/** What `restore plan` and `restore run` are given. */
export function restoreOptions(call: Call): RestoreOptions {
  const [snapshot] = call.words;
  const wait = durationOption(call, "wait");
  const given = (name: "at" | "into" | "on" | "key") => {
    const value = call.value(name);
    return value !== undefined && { [name]: value };
  };
  return {
    version: call.carried.version,
    only: call.values("only"),
    ...(snapshot !== undefined && { snapshot }),
    ...given("at"),
    ...given("into"),
    ...given("on"),
    ...given("key"),
    ...(wait !== undefined && { wait }),
  };
}
