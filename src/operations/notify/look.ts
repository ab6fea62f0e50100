import type { Engine } from "../../engine/engine.ts";
import { StackError } from "../../support/errors.ts";
import { runBackupStatus } from "../backup/backup-status.ts";
import { openStores } from "../backup/stores.ts";
import type { Context } from "../context.ts";
import { jobViews } from "../jobs/views.ts";
import { lockHolder } from "../lock.ts";
import { readHistory } from "../migration-history.ts";
import { tlsEntrance } from "../status-certificates.ts";
import { readWatchMemory } from "../watch/memory.ts";
import { backupTroubles } from "./backups.ts";
import { certificateTroubles, diskTroubles } from "./host.ts";
import { jobTroubles } from "./jobs.ts";
import { migrationTroubles } from "./migrations.ts";
import { restartTroubles } from "./restarts.ts";
import { lookAtServices } from "./services.ts";
import { kindOf, type Look, type Trouble } from "./trouble.ts";

/** What looking takes. `engine` is undefined where none answers. */
export type LookContext = Pick<Context, "directory" | "model" | "clock" | "signal" | "progress"> & {
  engine: Engine | undefined;
};

/** Milliseconds for which a command at work on the stack explains that services are down. */
const workTime = 15 * 60_000;

/**
 * Looks at all that can be wrong. `thorough` also asks the stores of backups and the edge, which takes longer. Where the
 * stack has monitoring only what that cannot tell is looked at: whether it is there itself.
 */
export async function lookAtStack(context: LookContext, { thorough }: { thorough: boolean }): Promise<Look> {
  const { directory, model, clock } = context;
  const now = clock.now();
  const containers = await observed(context);
  const engine = containers === undefined ? [engineGone] : [];
  const services =
    containers === undefined || isWorkedOn(directory, now) ? untold : lookAtServices(model, containers, now);
  if (model.monitoring !== undefined) {
    const watchers = new Set(watchersOf(model.monitoring));
    const troubles = services.troubles.filter(({ service }) => service === undefined || watchers.has(service));
    return {
      troubles: [...engine, ...troubles],
      // Alertmanager tells of everything else from now on.
      isOver: (key) => kindOf(key) !== "service" || services.isOver(key),
    };
  }
  const [slow, dataRoot] = await Promise.all([thorough ? lookSlowly(context) : undefined, dataRootOf(context)]);
  const others = [
    ...migrationTroubles(model, readHistory(directory)),
    ...jobTroubles(await jobViews(context)),
    ...diskTroubles(dataRoot, directory),
    ...restartTroubles(model, readWatchMemory(directory), now),
  ];
  return {
    troubles: [...engine, ...services.troubles, ...others, ...(slow?.troubles ?? [])],
    isOver(key) {
      const kind = kindOf(key);
      if (kind === "service") return services.isOver(key);
      return kind === "backup" || kind === "certificate" ? (slow?.isOver(key) ?? false) : true;
    },
  };
}

const untold: Look = { troubles: [], isOver: () => false };

const engineGone: Trouble = {
  key: "engine",
  name: "DockerDown",
  severity: "critical",
  title: "Docker does not answer",
  lines: ["Containers may still serve. Nothing can be started, stopped or looked at."],
  command: "sudo systemctl status docker",
  holds: 60_000,
  clears: 60_000,
};

function watchersOf({ prometheus, alertmanager }: NonNullable<LookContext["model"]["monitoring"]>): string[] {
  return [prometheus.service, alertmanager.service];
}

async function observed({ engine, model, signal }: LookContext) {
  if (engine === undefined) return undefined;
  try {
    return (await engine.observe(model.name)).containers;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof StackError && error.code === "engine-unreachable") return undefined;
    throw error;
  }
}

/** A command that has been at work for very long explains nothing any more. */
function isWorkedOn(directory: string, now: number): boolean {
  const holder = lockHolder(directory);
  return holder !== undefined && now - holder.since < workTime;
}

/** Where the engine keeps its data; undefined where it does not answer now. */
async function dataRootOf({ engine, signal }: LookContext): Promise<string | undefined> {
  try {
    return (await engine?.info())?.dataRoot;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

async function lookSlowly(context: LookContext): Promise<Look> {
  const { directory, model, clock } = context;
  const entrance = tlsEntrance(model);
  const [backups, certificates] = await Promise.all([
    runBackupStatus(context, openStores(context)),
    entrance === undefined ? [] : certificateTroubles(directory, model, entrance, clock.now()),
  ]);
  return { troubles: [...backupTroubles(backups.problems), ...certificates], isOver: () => true };
}
