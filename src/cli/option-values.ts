import { parseDuration } from "../support/units.ts";
import { badArguments } from "./args.ts";
import type { Call } from "./command.ts";

/** The value of an option that is a time such as `90s` or `5m`, in milliseconds; undefined where it was not given. */
export function durationOption(call: Call, name: string): number | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined)
    throw badArguments(
      `--${name} ${text}: expected a time such as 90s, 5m or 1h`,
      `see: ${call.output.caller} ${call.command.name} --help`,
    );
  return milliseconds;
}

/** The value of an option that is a whole number. */
export function countOption(call: Call, name: string): number | undefined {
  const text = call.value(name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text))
    throw badArguments(
      `--${name} ${text}: expected a whole number`,
      `see: ${call.output.caller} ${call.command.name} --help`,
    );
  return Number(text);
}
