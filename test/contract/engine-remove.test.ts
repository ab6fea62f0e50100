import { execFileSync, spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { describeWithDocker, smallImage } from "../support/docker.ts";

await describeWithDocker("real engine: removing a container", [smallImage], (engine) => {
  /** A container with a volume that has no name, as an image may ask for. */
  function start(): { id: string; volume: string } {
    const id = execFileSync("docker", ["run", "-d", "-v", "/data", smallImage, "true"], { encoding: "utf8" }).trim();
    const format = "{{(index .Mounts 0).Name}}";
    const volume = execFileSync("docker", ["inspect", "--format", format, id], { encoding: "utf8" }).trim();
    expect(volume).toMatch(/^[0-9a-f]{64}$/);
    return { id, volume };
  }
  const exists = (volume: string) => spawnSync("docker", ["volume", "inspect", volume]).status === 0;

  test("volumes without a name stay, unless it is told to take them along", async () => {
    const kept = start();
    await engine.remove(kept.id);
    expect(exists(kept.volume)).toBe(true);
    execFileSync("docker", ["volume", "rm", kept.volume]);
    const taken = start();
    await engine.remove(taken.id, { unnamedVolumes: true });
    expect(exists(taken.volume)).toBe(false);
    expect(await engine.inspect(taken.id)).toBeUndefined();
  });
});
