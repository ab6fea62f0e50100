import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ImportReport } from "../../src/import/report.ts";
import { freePort } from "../support/cli-stack.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");
const toolbox = "postgres:18.6-trixie";

/** Two services that no catalogue knows: one writes a volume that has content already, the other shows it. */
const composeFile = (port: number) => `services:
  pages:
    image: ${smallImage}
    command: [sh, -c, "echo written by pages >>/srv/index.html; trap 'exit 0' TERM; while :; do sleep 1 & wait; done"]
    volumes: [site:/srv, ./greeting.txt:/etc/greeting:ro]
    stop_grace_period: 5s
    extra_hosts: ["ldap:10.1.2.3"]
  front:
    image: ${smallImage}
    command: httpd -f -p 8000 -h /www
    volumes: [site:/www:ro]
    ports: ["127.0.0.1:${port}:8000"]
    depends_on: [pages]
    stop_grace_period: 1s
    healthcheck: { test: wget -q -O /dev/null http://127.0.0.1:8000/index.html, interval: 2s, start_period: 20s }
volumes: { site: {} }
`;

await describeWithDocker("a Compose file of somebody's", [smallImage, toolbox], () => {
  const project = `old-${randomBytes(4).toString("hex")}`;
  let parent = "";
  let folder = "";
  let stack = "";
  let port = 0;

  beforeAll(async () => {
    if (!existsSync(bundle)) throw new Error("dist/create-stack.mjs is missing; run: npm run build");
    parent = mkdtempSync(join(tmpdir(), "imported-"));
    folder = join(parent, project);
    stack = join(parent, `${project}-stack`);
    port = await freePort();
    execFileSync("mkdir", [folder]);
    writeFileSync(join(folder, "docker-compose.yml"), composeFile(port));
    writeFileSync(join(folder, "greeting.txt"), "hello\n");
    // What the old stack left behind: its volume, under the name that Compose gave it.
    const fill = "echo from the old stack >/to/index.html";
    execFileSync("docker", ["run", "--rm", "-v", `${project}_site:/to`, smallImage, "sh", "-c", fill]);
  });
  afterAll(() => {
    if (existsSync(stack))
      spawnSync("docker", ["compose", "down", "--volumes", "--remove-orphans", "--timeout", "0"], { cwd: stack });
    spawnSync("docker", ["volume", "rm", `${project}_site`]);
    rmSync(parent, { recursive: true, force: true });
  });

  function run(command: string, args: readonly string[], cwd: string): string {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 240_000 });
    expect([args, status, stderr, stdout].slice(0, status === 0 ? 2 : 4)).toEqual([args, 0]);
    return stdout;
  }
  const prod = (...args: string[]) => run(join(stack, "prod.sh"), args, stack);
  const page = async () => (await fetch(`http://127.0.0.1:${port}/index.html`)).text();

  test("is imported, its data moved by the lines of the report, started, healthy, copied, and both services see one volume", async () => {
    const words = ["import", join(folder, "docker-compose.yml"), "--dir", stack, "--json"];
    const { report } = JSON.parse(run(process.execPath, [bundle, ...words], parent)) as { report: ImportReport };
    expect(report.kept.map(({ key, type }) => `${key} ${type}`)).toEqual(["pages service", "front service"]);
    expect(report.data.map(({ key }) => key)).toEqual(["pages"]);
    run("sh", ["-ec", report.data.flatMap(({ commands }) => commands).join("\n")], parent);

    prod("start");
    const { healthy, problems, services } = JSON.parse(prod("status", "--json")) as {
      healthy: boolean;
      problems: unknown[];
      services: { name: string; state: string; restarts: number }[];
    };
    expect([problems, healthy, services.map(({ name, restarts }) => `${name} ${restarts}`)]).toEqual([
      [],
      true,
      ["pages 0", "front 0"],
    ]);
    expect(await page()).toBe("from the old stack\nwritten by pages\n");
    expect(run("docker", ["compose", "exec", "pages", "cat", "/etc/greeting"], stack)).toBe("hello\n");
    const ro = spawnSync("docker", ["compose", "exec", "front", "touch", "/www/x"], { cwd: stack, encoding: "utf8" });
    expect([ro.status, ro.stderr]).toEqual([1, expect.stringContaining("Read-only file system")]);
    expect(run("docker", ["inspect", "--format", hardening, `${project}-stack-pages-1`], stack).trim()).toBe(
      '[ALL] ["no-new-privileges:true"] false 256 [ldap:10.1.2.3] unless-stopped',
    );

    // The writer stands still for the copy, the reader goes on, and the writer comes back by itself.
    const { sources } = JSON.parse(prod("backup", "run", "--json")) as {
      sources: { source: string; outcome: string }[];
    };
    expect(sources.map(({ source, outcome }) => `${source} ${outcome}`)).toEqual(["stack ok", "pages-site ok"]);
    expect(await page()).toBe("from the old stack\nwritten by pages\nwritten by pages\n");
    expect(run("docker", ["compose", "ps", "--format", "{{.Service}} {{.State}}"], stack).split("\n").sort()).toEqual([
      "",
      "front running",
      "pages running",
    ]);
  });
});

const hardening =
  "{{.HostConfig.CapDrop}} {{json .HostConfig.SecurityOpt}} {{.HostConfig.Privileged}} {{.HostConfig.PidsLimit}} {{.HostConfig.ExtraHosts}} {{.HostConfig.RestartPolicy.Name}}";
