import { execFileSync } from "node:child_process";
import { expect, test, vi } from "vitest";
import { describeWithDocker, smallImage } from "../support/docker.ts";

await describeWithDocker("a container that stood still", [smallImage], (engine) => {
  test("is as healthy as its last check said, until the next one", async () => {
    const docker = (...words: string[]) => execFileSync("docker", words, { encoding: "utf8" }).trim();
    const health = ["--health-cmd", "true", "--health-interval", "1h", "--health-start-interval", "1s"];
    const id = docker("run", "--detach", ...health, "--health-start-period", "1h", smallImage, "sleep", "300");
    try {
      await vi.waitFor(async () => expect((await engine.inspect(id))?.health).toBe("healthy"), { timeout: 30_000 });
      docker("pause", id);
      docker("unpause", id);
      expect((await engine.inspect(id))?.health).toBe("healthy");
    } finally {
      docker("rm", "--force", id);
    }
  });
});
