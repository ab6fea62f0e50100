import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");

export interface CliResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A stack made and run as its user would: through the built program, in a directory of its own. */
export interface CliStack {
  name: string;
  directory: string;
  ports: { http: number; https: number };
  /** Everything that the program printed so far, for a search in it. */
  printed: string[];
  run(...args: string[]): Promise<CliResult>;
  /** GET through Traefik over TLS, trusting the stack's own authority alone. */
  get(host: string, path: string): Promise<{ status: number; body: string; headers: Record<string, unknown> }>;
  remove(): void;
}

/** Runs `create-stack create` for a preset or a stack.yaml text; names and ports are this run's own. */
export async function createCliStack(
  from: { preset: string } | { yaml: string },
  settings: readonly string[] = [],
): Promise<CliStack> {
  if (!existsSync(bundle)) throw new Error("dist/create-stack.mjs is missing; run: npm run build");
  const parent = mkdtempSync(join(tmpdir(), "create-stack-test-"));
  const name = `t${randomBytes(4).toString("hex")}`;
  const directory = join(parent, name);
  const ports = { http: await freePort(), https: await freePort() };
  const printed: string[] = [];
  const run = async (...args: string[]) => {
    const result = await runProgram(args, existsSync(directory) ? directory : parent);
    printed.push(result.stdout, result.stderr);
    return result;
  };
  const sets = [
    `name=${name}`,
    `components.traefik.ports.http=${ports.http}`,
    `components.traefik.ports.https=${ports.https}`,
    ...settings,
  ];
  const source = "preset" in from ? ["--preset", from.preset] : ["--config", writeTemporary(parent, from.yaml)];
  const created = await run("create", directory, ...source, ...sets.flatMap((set) => ["--set", set]), "--yes");
  if (created.code !== 0) throw new Error(`create failed: ${created.stdout}${created.stderr}`);
  return {
    name,
    directory,
    ports,
    printed,
    run,
    get: (host, path) => get(directory, ports.https, host, path),
    remove() {
      spawnSync("docker", ["compose", "--profile", "jobs", "down", "--volumes", "--remove-orphans", "--timeout", "0"], {
        cwd: directory,
      });
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

function writeTemporary(parent: string, yaml: string): string {
  const path = join(parent, "given.yaml");
  writeFileSync(path, yaml);
  return path;
}

function runProgram(args: readonly string[], cwd: string): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bundle, ...args], { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (bytes) => (stdout += bytes));
    child.stderr.on("data", (bytes) => (stderr += bytes));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 137, stdout, stderr }));
  });
}

function get(directory: string, port: number, host: string, path: string): ReturnType<CliStack["get"]> {
  return new Promise((resolve, reject) => {
    const ca = readFileSync(join(directory, "secrets/local_authority"));
    const outgoing = request(
      // A connection of its own: one that is kept may lead to a proxy that is gone by now.
      { host: "127.0.0.1", port, servername: host, path, ca, headers: { host }, timeout: 10_000, agent: false },
      (response) => {
        let body = "";
        response.on("data", (bytes) => (body += bytes));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }));
      },
    );
    outgoing.on("timeout", () => outgoing.destroy(new Error("no answer within 10 s")));
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** A port that nobody listens on right now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "0.0.0.0", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address !== null ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
