import type { Call } from "./command.ts";

export async function confirmWriting(_lines: readonly string[], _call: Call): Promise<void> {}
export async function askForStack(_call: Call): Promise<string> {
  return "";
}
