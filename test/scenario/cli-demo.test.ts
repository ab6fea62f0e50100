import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../support/cli-stack.ts";
import { describeWithDocker } from "../support/docker.ts";

const door = join(import.meta.dirname, "../../prod.sh");
const images = ["traefik:v3.7.11", "postgres:18.6-trixie", "redis:8.2.9-bookworm", "node:22-trixie-slim"];

await describeWithDocker("the demo", images, () => {
  const name = `d${randomBytes(4).toString("hex")}`;
  let folder = "";
  let sets: string[] = [];
  const demo = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(door, ["demo", ...args], {
      cwd: folder,
      encoding: "utf8",
      timeout: 280_000,
    });
    return { code: status, stdout, stderr };
  };
  const left = () =>
    ["container", "volume", "network"].flatMap((kind) => {
      const filter = ["--filter", `label=com.docker.compose.project=${name}`, "--quiet"];
      const { stdout } = spawnSync("docker", [kind, "ls", ...(kind === "container" ? ["--all"] : []), ...filter], {
        encoding: "utf8",
      });
      return stdout.split("\n").filter(Boolean);
    });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "cli-demo-"));
    const ports = { http: await freePort(), https: await freePort() };
    sets = [`name=${name}`, `components.traefik.ports=${JSON.stringify(ports)}`].flatMap((set) => ["--set", set]);
  });
  afterAll(() => {
    demo("--down");
    rmSync(folder, { recursive: true, force: true });
  });

  test("one command makes, starts, migrates and requests it, and says what to type next", () => {
    const { code, stdout, stderr } = demo(...sets);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("This row came out of Postgres.");
    expect(stdout).toMatch(new RegExp(`^${name} +healthy`, "m"));
    expect(stdout).toContain("./prod.sh demo --down");
    expect(stderr).toContain("Requesting https://demo.localhost");
  });

  test.each(["logs --follow", "status --watch"])("%s ends without a word when its reader does", (command) => {
    const line = `./prod.sh ${command} | head -n 1`;
    const { status, stdout, stderr } = spawnSync("timeout", ["30", "bash", "-o", "pipefail", "-c", line], {
      cwd: join(folder, "demo-stack"),
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.trim().split("\n")).toHaveLength(1);
  });

  test("run again it changes nothing and answers again", () => {
    const { code, stdout, stderr } = demo();
    expect(code, stderr).toBe(0);
    expect(stdout.match(/This row came out of Postgres/g)).toHaveLength(1);
  });

  test("its end takes containers, volumes and the directory with it", () => {
    expect(demo("--down").code).toBe(0);
    expect(left()).toEqual([]);
    expect(existsSync(join(folder, "demo-stack"))).toBe(false);
    expect(demo("--down")).toMatchObject({ code: 0, stdout: expect.stringContaining("Nothing to remove") });
  });

  test("a directory that it did not make is not removed", () => {
    mkdirSync(join(folder, "demo-stack"));
    writeFileSync(join(folder, "demo-stack/stack.yaml"), "name: precious\n");
    expect(demo("--down")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("was not made by the demo, so it stays"),
    });
    expect(existsSync(join(folder, "demo-stack/stack.yaml"))).toBe(true);
    rmSync(join(folder, "demo-stack"), { recursive: true });
  });
});
