import { once } from "node:events";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { StackError } from "../support/errors.ts";
import type { ExecResult, OpenExec } from "./engine.ts";
import { demultiplexer, lineJoiner, type OutputPiece } from "./streams.ts";

interface ExecOptions {
  user?: string;
  input?: string;
  /** Milliseconds. */
  timeout?: number;
}

const usualTimeout = 60_000;
/** The engine notes an exec's exit code a moment after its output has ended. */
const exitCodeWait = 5_000;

/**
 * Starts a command with its input and output on one connection of their own ("hijacked"). Closing our end closes the
 * command's input, whether we do it or the kernel does because this process died.
 */
async function startExec(docker: Docker, id: string, command: readonly string[], user: string | undefined) {
  const exec = await docker.getContainer(id).exec({
    Cmd: [...command],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: false,
    ...(user === undefined ? {} : { User: user }),
  });
  const connection: Duplex = await exec.start({ hijack: true, stdin: true });
  return { exec, connection };
}

/** Runs a command in a container to its end and collects its output. */
export async function execIn(
  docker: Docker,
  id: string,
  command: readonly string[],
  { user, input = "", timeout = usualTimeout }: ExecOptions = {},
): Promise<ExecResult> {
  const { exec, connection } = await startExec(docker, id, command, user);
  const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const deadline = AbortSignal.timeout(timeout);
  connection.end(input);
  try {
    await pipeline(
      connection,
      demultiplexer(),
      async (pieces: AsyncIterable<OutputPiece>) => {
        for await (const { stream, bytes } of pieces) output[stream].push(bytes);
      },
      { signal: deadline },
    );
  } catch (error) {
    throw deadline.aborted ? outOfTime(command, timeout) : error;
  }
  return {
    exitCode: await exitCodeOf(exec),
    stdout: Buffer.concat(output.stdout).toString(),
    stderr: Buffer.concat(output.stderr).toString(),
  };
}

async function exitCodeOf(exec: Docker.Exec): Promise<number> {
  for (let waited = 0; ; waited += 20) {
    const { ExitCode, Running } = await exec.inspect();
    if (ExitCode !== null && !Running) return ExitCode;
    if (waited >= exitCodeWait) throw new Error("the engine does not tell the command's exit code");
    await sleep(20);
  }
}

function outOfTime(command: readonly string[], timeout: number): StackError {
  return new StackError({
    code: "exec-timeout",
    exit: "unhealthy",
    message: `"${command[0] ?? ""}" did not end within ${timeout / 1_000}s in its container`,
    hint: "./prod.sh status",
  });
}

/** Starts a command that is talked to line by line. Its errors come as lines too. */
export async function openExecIn(
  docker: Docker,
  id: string,
  command: readonly string[],
  options: { user?: string } = {},
): Promise<OpenExec> {
  const { connection } = await startExec(docker, id, command, options.user);
  const lines: string[] = [];
  const readers: ((line: string | undefined) => void)[] = [];
  let ended = false;

  const joiner = lineJoiner((line) => {
    const reader = readers.shift();
    if (reader === undefined) lines.push(line);
    else reader(line);
  });
  const reading = (async () => {
    try {
      const pieces = connection.pipe(demultiplexer());
      connection.once("close", () => pieces.end());
      for await (const piece of pieces) joiner.add(piece);
    } catch {
      // A connection that breaks is the end of the output; who reads sees it as such.
    }
    joiner.end();
    ended = true;
    for (const reader of readers.splice(0)) reader(undefined);
  })();
  connection.on("error", () => connection.destroy());

  return {
    write(text) {
      if (!connection.destroyed) connection.write(text);
    },
    readLine() {
      const line = lines.shift();
      if (line !== undefined || ended) return Promise.resolve(line);
      return new Promise((resolve) => readers.push(resolve));
    },
    async close() {
      if (!connection.destroyed) {
        connection.end();
        // A command that ignores the end of its input must not keep us.
        await Promise.race([reading, sleep(exitCodeWait, undefined, { ref: false })]);
        connection.destroy();
        if (!connection.closed) await once(connection, "close");
      }
      await reading;
    },
  };
}
