import type { Service } from "../../stack/service.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";
import { type RunSpec, throwAwaySpec, withContainer } from "./container.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { damagedExit, newStory, type ReplayStory, readReplayLine } from "./postgres-replay-log.ts";

export interface ReplayRequest {
  source: PostgresSource;
  image: string;
  /** Engine's name of the volume with the unpacked base. */
  volume: string;
  /** Folder of the host with the archive, readable by the server's user. */
  wal: string;
  /** `current`, or the number of the timeline to follow. */
  timeline: string;
  /** Milliseconds since 1970; undefined: to the end of the log. */
  at?: number;
  onSegment(count: number): void;
}

/**
 * One file of the archive to the place where the server wants it. That there is none is the ordinary end of the log; one
 * that is there and cannot be read must not be taken for that.
 */
const restoreCommand = [
  "f=/wal/%f",
  `if [ -f "$f.zst" ]; then zstd -dqc "$f.zst" >"%p" || exit ${damagedExit}`,
  `elif [ -f "$f" ]; then cp "$f" "%p" || exit ${damagedExit}`,
  "else exit 1; fi",
].join("; ");

/** Settings of every server that stands on a copy: nothing of it may reach the live archive, nothing works by itself. */
const aside = {
  archive_mode: "off",
  autovacuum: "off",
  // What is read below is in the server's own words, on its standard error.
  lc_messages: "C",
  log_timezone: "UTC",
  timezone: "UTC",
  logging_collector: "off",
  log_destination: "stderr",
};

/** Replays the log into a restored copy, until it is an ordinary server, and stops that. Says how far it came. */
export async function replay(context: Context, request: ReplayRequest): Promise<ReplayStory> {
  const { engine, signal } = context;
  const spec = replaySpec(context, request);
  return await withContainer(context, spec, async (id) => {
    const story = await follow(context, id, request, spec.stopTimeout ?? 90);
    const { exitCode } = await engine.waitForExit(id);
    signal.throwIfAborted();
    if (exitCode === 0 && story.ready) return story;
    if (story.endedEarly) return story;
    throw await failed(context, id, request.source, story, exitCode);
  });
}

/** Reads what the server says until it ends; it is told to as soon as it serves. */
async function follow(
  { engine }: Context,
  id: string,
  { onSegment }: ReplayRequest,
  grace: number,
): Promise<ReplayStory> {
  const story = newStory();
  let stopped: Promise<void> | undefined;
  await engine.followLogs(id, (line) => {
    const { length } = story.segments;
    readReplayLine(story, line);
    if (story.segments.length > length) onSegment(story.segments.length);
    if (story.ready) stopped ??= engine.stop(id, grace);
  });
  await stopped;
  return story;
}

function replaySpec(context: Context, { source, image, volume, wal, timeline, at }: ReplayRequest): RunSpec {
  return serverOnCopy(context, source, {
    image,
    volume,
    binds: [{ source: wal, target: "/wal", readOnly: true }],
    settings: {
      restore_command: restoreCommand,
      // Nobody is to look at it half-way, and the number of connections then need not be that of the live server.
      hot_standby: "off",
      recovery_target_timeline: timeline,
      ...(at !== undefined && {
        recovery_target_time: `${new Date(at).toISOString().replace("T", " ").replace("Z", "")}+00`,
        recovery_target_action: "promote",
      }),
    },
  });
}

export interface CopyRequest {
  image: string;
  volume: string;
  binds?: RunSpec["binds"];
  settings?: Record<string, string>;
}

/** The source's service on a copy of its volume, without network and without archive. */
export function serverOnCopy(context: Context, source: PostgresSource, request: CopyRequest): RunSpec {
  const settings = { ...aside, ...request.settings };
  return throwAwaySpec(context, serviceOf(context, source), {
    volumes: { [source.volume]: request.volume },
    ...(request.binds && { binds: request.binds }),
    image: request.image,
    purpose: `restore-${source.name}`,
    // Past the image's entry point, which would make a new database where it finds none.
    entrypoint: ["postgres"],
    command: [
      "-D",
      source.dataFolder,
      ...wordsOf(context, source),
      ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    ],
  });
}

/** The service's own arguments: where its configuration is. */
function wordsOf(context: Context, source: PostgresSource): string[] {
  const [first, ...rest] = serviceOf(context, source).command ?? [];
  return first === "postgres" ? rest : [];
}

/** The service that serves the source. */
export function serviceOf({ model }: Context, source: PostgresSource): Service {
  const found = model.services.find(({ name }) => name === source.service);
  if (found === undefined) throw new Error(`no service ${source.service}`);
  return found;
}

async function failed(
  { engine, directory, model }: Context,
  id: string,
  source: PostgresSource,
  { damaged }: ReplayStory,
  exitCode: number,
): Promise<StackError> {
  const details = (await engine.logTail(id, 15)).map(redactorFor(directory, model));
  if (damaged !== undefined)
    return new StackError({
      code: "backup-damaged",
      exit: "backupFailed",
      message: `${damaged} of the log of ${source.name} is damaged: replay cannot go past it`,
      details,
      hint: "restore from another destination, or to a moment before it: --at",
    });
  return new StackError({
    code: "restore-replay-failed",
    exit: "backupFailed",
    message: `The log of ${source.name} could not be replayed: the server ended with exit code ${exitCode}`,
    details,
    hint: "./prod.sh backup list shows other snapshots",
  });
}
