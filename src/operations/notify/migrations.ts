import type { StackModel } from "../../stack/model.ts";
import { lastMigration, type MigrationOutcome, type MigrationRecord } from "../migration-history.ts";
import type { Trouble } from "./trouble.ts";

const words: Record<Exclude<MigrationOutcome, "ok" | "unfinished">, string> = {
  failed: "failed",
  "out-of-memory": "ran out of memory",
  "timed-out": "took too long and was stopped",
  interrupted: "was interrupted",
  lost: "was cut off: nobody saw its end",
};

/** Apps whose newest migration went wrong. One that is still at work is no trouble. */
export function migrationTroubles({ migrations }: StackModel, history: readonly MigrationRecord[]): Trouble[] {
  return migrations.flatMap(({ app }) => {
    const last = lastMigration(history, app);
    if (last === undefined || last.outcome === "ok" || last.outcome === "unfinished") return [];
    const end = last.exitCode === undefined || last.exitCode === 0 ? "" : ` with exit code ${last.exitCode}`;
    return [
      {
        key: `migration/${app}`,
        name: "MigrationFailed",
        severity: "critical",
        component: app,
        service: last.service,
        title: `the migration of ${app} ${words[last.outcome]}${end}`,
        lines: [`Image: ${last.image}`, `What it printed: .stack/migrations/${last.id}.log`],
        command: `./prod.sh migrate ${app}`,
        holds: 0,
        clears: 0,
      },
    ];
  });
}
