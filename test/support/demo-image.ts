import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** Builds the image of the demo application, which nobody publishes. */
export function buildDemo(): void {
  const folder = join(import.meta.dirname, "../../dist/demo-app");
  execFileSync("docker", ["build", "--quiet", "--tag", "create-stack/demo:1.0.0", folder]);
}
