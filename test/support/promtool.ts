import { randomBytes } from "node:crypto";
import { type RunResult, run } from "../../src/support/process.ts";

export const prometheusImage = "prom/prometheus:v3.13.2";
export const alertmanagerImage = "prom/alertmanager:v0.34.0";

/** Runs `promtool …` of Prometheus' image with a folder at /work, read-only and without a network. */
export function promtool(folder: string, ...args: string[]): Promise<RunResult> {
  return tool("promtool", prometheusImage, folder, args);
}

/** Runs `amtool …` of Alertmanager's image with a folder at /work. */
export function amtool(folder: string, ...args: string[]): Promise<RunResult> {
  return tool("amtool", alertmanagerImage, folder, args);
}

function tool(program: string, image: string, folder: string, args: readonly string[]): Promise<RunResult> {
  const name = `${program}-${randomBytes(4).toString("hex")}`;
  // Folders of tests are for their owner alone.
  const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
  const mount = ["-v", `${folder}:/work:ro`, "-w", "/work"];
  const options = ["--rm", "--name", name, "--network", "none", "--user", user, ...mount];
  return run(["docker", "run", ...options, "--entrypoint", program, image, ...args], { timeout: 120_000 });
}
