import { spawn } from "node:child_process";

export interface RunOptions {
  cwd?: string;
  /** Added to this process's own; undefined takes a variable away. */
  env?: Record<string, string | undefined>;
  /** Ends the program (SIGINT first, as a terminal would) when aborted. */
  signal?: AbortSignal;
  /** Milliseconds after which the program is killed. */
  timeout?: number;
  input?: string;
  /** Called with each piece of output as it comes; the result holds all of it too. */
  onOutput?: (text: string, stream: "stdout" | "stderr") => void;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** Runs a program and waits for its end. Never rejects for an exit code; rejects when the program cannot be started. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...rest] = argv;
  if (program === undefined) throw new Error("run: empty command");
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
      windowsHide: true,
    });
    const output = { stdout: "", stderr: "" };
    let timedOut = false;
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8");
      child[name]?.on("data", (text: string) => {
        output[name] += text;
        options.onOutput?.(text, name);
      });
    }
    const stop = () => child.kill("SIGINT");
    if (options.signal?.aborted) stop();
    options.signal?.addEventListener("abort", stop, { once: true });
    const timer =
      options.timeout === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true;
            child.kill("SIGKILL");
          }, options.timeout);
    const finish = () => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", stop);
    };
    child.on("error", (error) => {
      finish();
      reject(error);
    });
    child.on("close", (code, signal) => {
      finish();
      resolve({ code: code ?? (signal === "SIGINT" ? 130 : 137), ...output, timedOut });
    });
    if (options.input !== undefined) child.stdin?.end(options.input);
  });
}
