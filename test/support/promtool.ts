import { randomBytes } from "node:crypto";
import { type RunResult, run } from "../../src/support/process.ts";

export const prometheusImage = "prom/prometheus:v3.13.2";
export const alertmanagerImage = "prom/alertmanager:v0.34.0";

/** The program that looks at a server's files, of the server's own image. */
export interface Tool {
  (...args: string[]): Promise<RunResult>;
  remove(): Promise<void>;
}

/** `promtool …` with a folder at /work, read-only and without a network. */
export function promtoolIn(folder: string): Tool {
  return toolIn(folder, "promtool", prometheusImage);
}

/** `amtool …` with a folder at /work. */
export function amtoolIn(folder: string): Tool {
  return toolIn(folder, "amtool", alertmanagerImage);
}

/** Calls go to one container, which begins with the first and ends by itself after ten minutes. */
function toolIn(folder: string, program: string, image: string): Tool {
  const name = `${program}-${randomBytes(4).toString("hex")}`;
  // Folders of tests are for their owner alone.
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const mount = ["-v", `${folder}:/work:ro`, "-w", "/work"];
  const options = ["--rm", "--init", "--name", name, "--network", "none", "--user", user, ...mount];
  let begun: Promise<RunResult> | undefined;
  const call = async (...args: string[]) => {
    begun ??= run(["docker", "run", "--detach", ...options, "--entrypoint", "sleep", image, "600"]);
    const { code, stderr } = await begun;
    if (code !== 0) throw new Error(stderr);
    return run(["docker", "exec", name, program, ...args], { timeout: 120_000 });
  };
  return Object.assign(call, {
    async remove() {
      if (begun !== undefined) await run(["docker", "rm", "--force", name]);
    },
  });
}
