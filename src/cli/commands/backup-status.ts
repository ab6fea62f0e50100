import { exitOfBackupStatus, runBackupStatus } from "../../operations/backup/backup-status.ts";
import { openStores } from "../../operations/backup/stores.ts";
import { thisHost } from "../../operations/schedule/host.ts";
import { nextRuns } from "../../operations/schedule/show.ts";
import type { ExitCause } from "../../support/errors.ts";
import { backupStatusScreen } from "../backup-status-screen.ts";
import type { Call } from "../command.ts";
import { openStoreContext } from "../store-context.ts";

/** How well the stack could be brought back now. */
export async function run(call: Call): Promise<ExitCause> {
  const { output } = call;
  const context = openStoreContext(call);
  const next = await nextRuns(context, thisHost());
  const report = await runBackupStatus(context, openStores(context), { nextRuns: next });
  if (output.json) output.printJson(report);
  else output.print(backupStatusScreen(report, output.paint, output.columns).join("\n"));
  return exitOfBackupStatus(report);
}
