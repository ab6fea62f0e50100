import { runBackup } from "../backup/run.ts";
import { failureText } from "../backup/run-lines.ts";
import type { Context } from "../context.ts";

/**
 * A database server that was brought back goes on along a timeline of its own, to which no earlier base leads: without a
 * new one nothing that is written from now on could be restored. Returns what did not work, in a line each; a restore is
 * done all the same.
 */
export async function makeNewBases(context: Context, sources: readonly string[], version: string): Promise<string[]> {
  const servers = context.model.dataSources.filter(({ kind, name }) => kind === "postgres" && sources.includes(name));
  if (servers.length === 0) return [];
  const only = servers.map(({ name }) => name);
  context.progress.phase(`Copying ${only.join(", ")} anew: what is written from now on needs a new base`);
  const result = await runBackup(context, { lane: "full", only, version, wait: 60_000 });
  return result.sources.flatMap(({ source, error }) =>
    error === undefined ? [] : [`the new base of ${source} was not made: ${failureText(error)}`],
  );
}
