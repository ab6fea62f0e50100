import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { buildDemo } from "../support/demo-image.ts";
import { describeWithDocker } from "../support/docker.ts";

const images = [
  "traefik:v3.7.11",
  "postgres:18.6-trixie",
  "redis:8.2.9-bookworm",
  "busybox:1.38.0",
  "node:22-trixie-slim",
];

/** The whole way of a first day, by the built program alone, with the demo application. Each test goes on from the last. */
await describeWithDocker("from a preset to a row over TLS", images, () => {
  let stack: CliStack;

  beforeAll(async () => {
    buildDemo();
    stack = await createCliStack({ preset: "demo" }, ["components.app.connections=files"]);
  });
  afterAll(() => stack?.remove());

  test("start brings every service up and says so", async () => {
    const result = await stack.run("start");
    expect(result, result.stderr).toMatchObject({ code: 0 });
  });

  test("before its migration the application answers, but not with notes", async () => {
    expect((await stack.get("demo.localhost", "/api/notes")).status).toBe(500);
  });

  test("migrate --seed runs the application's own migrations", async () => {
    const result = await stack.run("migrate", "--seed");
    expect(result, result.stderr).toMatchObject({ code: 0 });
    expect(result.stderr + result.stdout).toContain("3 notes written");
  });

  test("a request through Traefik over TLS returns a row from Postgres", async () => {
    const answer = await stack.get("demo.localhost", "/api/notes");
    expect(answer.status).toBe(200);
    expect(answer.body).toContain("This row came out of Postgres.");
    expect(answer.headers).toMatchObject({ "x-content-type-options": "nosniff" });
  });

  test("status is healthy, for people and for programs", async () => {
    const told = await stack.run("status");
    expect(told, told.stdout + told.stderr).toMatchObject({ code: 0 });
    expect(told.stdout).toContain("demo.localhost");
    const read = JSON.parse((await stack.run("status", "--json")).stdout);
    expect(read.format).toBe(1);
  });

  test("a second start changes nothing", async () => {
    const before = containers(stack.name);
    expect(await stack.run("start")).toMatchObject({ code: 0 });
    expect(containers(stack.name)).toEqual(before);
  });

  test("plain docker compose agrees that there is nothing to do", async () => {
    const before = longRunning(stack.name);
    execFileSync("docker", ["compose", "up", "--detach"], { cwd: stack.directory, stdio: "ignore" });
    expect(longRunning(stack.name)).toEqual(before);
  });

  test("only Traefik's two ports listen beyond the stack's own networks", () => {
    const published = docker(
      "ps",
      "--filter",
      `label=com.docker.compose.project=${stack.name}`,
      "--format",
      "{{.Ports}}",
    )
      .split(/[\n,]/)
      .map((text) => text.trim())
      .filter((text) => text.includes("->"));
    expect(published.sort()).toEqual(
      [`0.0.0.0:${stack.ports.http}->80/tcp`, `0.0.0.0:${stack.ports.https}->443/tcp`].sort(),
    );
  });

  test("no secret shows in inspect, logs, process lists, generated files or output", async () => {
    const values = secretValues(stack.directory);
    expect(values.length).toBeGreaterThan(4);
    const ids = containers(stack.name).map(({ id }) => id);
    const places: Record<string, string> = {
      inspect: docker("inspect", ...ids),
      "image history": docker("image", "inspect", "create-stack/demo:1.0.0"),
      logs: ids
        .map((id) => spawnSync("docker", ["logs", id], { encoding: "utf8" }))
        .map(({ stdout, stderr }) => stdout + stderr)
        .join("\n"),
      processes: execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }),
      output: [...stack.printed, (await stack.run("logs")).stdout].join("\n"),
      files: filesOf(stack.directory)
        .filter((path) => !path.includes("/secrets/"))
        .map((path) => readFileSync(path, "utf8"))
        .join("\n"),
    };
    const found = Object.entries(places).flatMap(([place, text]) =>
      values.filter(({ value }) => text.includes(value)).map(({ name }) => `${name} in ${place}`),
    );
    expect(found).toEqual([]);
  });

  test("secrets are readable by their owner alone", () => {
    expect(statSync(join(stack.directory, "secrets")).mode & 0o777).toBe(0o700);
  });

  test("stop and start keep the data", async () => {
    expect(await stack.run("stop")).toMatchObject({ code: 0 });
    expect(containers(stack.name).filter(({ state }) => state === "running")).toEqual([]);
    expect(await stack.run("start")).toMatchObject({ code: 0 });
    expect((await stack.get("demo.localhost", "/api/notes")).body).toContain("This row came out of Postgres.");
  });

  test("destroy without --volumes keeps the data for the next start", async () => {
    expect(await stack.run("destroy", "--yes")).not.toMatchObject({ code: 1 });
    execFileSync("docker", ["compose", "down"], { cwd: stack.directory, stdio: "ignore" });
    expect(await stack.run("start")).toMatchObject({ code: 0 });
    expect((await stack.get("demo.localhost", "/api/notes")).body).toContain("This row came out of Postgres.");
  });
});

interface Listed {
  id: string;
  service: string;
  state: string;
  created: string;
}

function containers(project: string): Listed[] {
  const format = '{{.ID}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.CreatedAt}}';
  return docker("ps", "--all", "--filter", `label=com.docker.compose.project=${project}`, "--format", format)
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", service = "", state = "", created = ""] = line.split("\t");
      return { id, service, state, created };
    })
    .sort((a, b) => a.service.localeCompare(b.service));
}

function longRunning(project: string): Listed[] {
  return containers(project).filter(({ service }) => !service.endsWith("-setup"));
}

function docker(...args: string[]): string {
  return execFileSync("docker", args, { encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
}

/** Every value under secrets/ that is long enough to be no coincidence, once for each file. */
function secretValues(directory: string): { name: string; value: string }[] {
  return readdirSync(join(directory, "secrets"))
    .filter((name) => !name.startsWith(".") && !name.startsWith("local_") && !name.endsWith(".env"))
    .map((name) => ({ name, value: readFileSync(join(directory, "secrets", name), "utf8").trim() }))
    .filter(({ value }) => value.length >= 32);
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
