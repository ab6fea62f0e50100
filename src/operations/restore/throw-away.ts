import type { ExecResult } from "../../engine/engine.ts";
import type { Service } from "../../stack/service.ts";
import { StackError } from "../../support/errors.ts";
import { formatDuration } from "../../support/units.ts";
import { type RunSpec, runToEnd, withContainer } from "../backup/container.ts";
import type { Context } from "../context.ts";
import { redactorFor } from "../secret-values.ts";

/** A server that stands on a copy for as long as it is looked at. */
export interface StandingServer {
  /** Container. */
  id: string;
  /** Runs a command in it; any exit code. At most twelve hours. */
  exec(command: readonly string[], options?: { user?: string; input?: string }): Promise<ExecResult>;
}

export interface StandingRequest {
  /** `redis on the restored copy`: begins the messages. */
  what: string;
  /** Whose health check says when it is ready. */
  service: Service;
  /** From `throwAwaySpec`, with what comes on top. */
  spec: RunSpec;
  /** Milliseconds until it must be ready; replaying a log takes as long as it takes. Default: an hour. */
  readyWithin?: number;
}

const hour = 3_600_000;
const betweenChecks = 250;

/**
 * Starts a server of its own, waits until its health check is content, hands it over, then stops it as gently as the live
 * one would be and removes it, whatever happened. Rejects where it does not come up or does not end well: then what it
 * leaves on its volume is not to be trusted.
 */
export async function withStanding<Result>(
  context: Context,
  request: StandingRequest,
  body: (server: StandingServer) => Promise<Result>,
): Promise<Result> {
  return await withContainer(context, request.spec, async (id) => {
    const server = serverIn(context, id);
    await ready(context, request, server);
    const result = await body(server);
    await stopped(context, request, id);
    return result;
  });
}

function serverIn({ engine, directory, model }: Context, id: string): StandingServer {
  const redact = redactorFor(directory, model);
  return {
    id,
    async exec(command, options) {
      const { exitCode, stdout, stderr } = await engine.exec(id, command, { ...options, timeout: 12 * hour });
      return { exitCode, stdout, stderr: redact(stderr) };
    },
  };
}

async function ready(context: Context, request: StandingRequest, { id, exec }: StandingServer): Promise<void> {
  const { engine, clock, signal } = context;
  const { what, service, readyWithin = hour } = request;
  const [kind, ...words] = service.healthcheck?.test ?? ["CMD", "true"];
  const command = kind === "CMD-SHELL" ? ["sh", "-c", ...words] : words;
  const until = clock.now() + readyWithin;
  for (;;) {
    signal.throwIfAborted();
    const state = (await engine.inspect(id))?.state;
    if (state !== "running") throw await notUp(context, id, `${what} ended while it started`);
    // It can end between the two questions, which the next round sees.
    const answer = await exec(command).catch(() => undefined);
    if (answer?.exitCode === 0) return;
    if (clock.now() >= until)
      throw await notUp(context, id, `${what} was not ready within ${formatDuration(readyWithin)}`);
    await clock.sleep(betweenChecks, signal);
  }
}

async function stopped(context: Context, { what, spec }: StandingRequest, id: string): Promise<void> {
  await context.engine.stop(id, spec.stopTimeout ?? 10);
  const ended = await context.engine.inspect(id);
  if (ended?.exitCode !== 0) throw await notUp(context, id, `${what} did not end well: exit code ${ended?.exitCode}`);
}

async function notUp({ engine, directory, model }: Context, id: string, message: string): Promise<StackError> {
  return new StackError({
    code: "copy-does-not-start",
    exit: "backupFailed",
    message,
    details: (await engine.logTail(id, 15)).map(redactorFor(directory, model)),
    hint: "./prod.sh backup list shows other snapshots",
  });
}

/** Gives a new, empty volume to the user (`uid:gid`) whose server is to write to it. With the given image's own `chown`. */
export async function giveVolume(context: Context, image: string, volume: string, user: string): Promise<void> {
  await runToEnd(context, `Preparing the volume ${volume}`, {
    purpose: "restore-volume",
    image,
    user: "0:0",
    entrypoint: ["chown"],
    command: [user, "/volume"],
    capabilities: ["CHOWN"],
    volumes: [{ volume, target: "/volume", readOnly: false }],
  });
}
