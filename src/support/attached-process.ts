import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Runs a program on our own terminal, input and output included. Resolves with its exit code. */
export type RunAttached = (argv: readonly string[], options: { cwd: string; signal: AbortSignal }) => Promise<number>;

/**
 * The program sees the terminal's keys, Ctrl-C included, before we do: it decides what they mean. Only an end that was
 * asked of us alone is passed on.
 */
export const runAttached: RunAttached = ([program = "", ...rest], { cwd, signal }) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, rest, { cwd, stdio: "inherit", windowsHide: true });
    const stop = () => void child.kill("SIGTERM");
    signal.addEventListener("abort", stop, { once: true });
    child.on("error", (error) => {
      signal.removeEventListener("abort", stop);
      reject(error);
    });
    child.on("close", (code, ended) => {
      signal.removeEventListener("abort", stop);
      resolve(code ?? 128 + (ended === null ? 0 : constants.signals[ended]));
    });
  });
