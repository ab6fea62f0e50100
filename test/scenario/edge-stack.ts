import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { component as app } from "../../src/components/app/index.ts";
import type { Component } from "../../src/components/component.ts";
import { component as traefik } from "../../src/components/traefik/index.ts";
import { composeIn } from "../../src/engine/compose.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { composeDocuments } from "../../src/generator/compose-document.ts";
import { envFile } from "../../src/generator/env-file.ts";
import { buildModel } from "../../src/generator/model.ts";
import { writeSecrets } from "../../src/generator/secret-files.ts";
import { routeFiles } from "../../src/routing/route-file.ts";
import { type TraefikApi, traefikApi } from "../../src/routing/traefik-api.ts";
import { loadStackConfig } from "../../src/stack/load.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { writeFileAtomic } from "../../src/support/files.ts";
import type { RunResult } from "../../src/support/process.ts";

const components = [app, traefik] as unknown as Component[];
const templates = new URL("../../templates/", import.meta.url);

export const edgeImages = ["traefik:v3.7.11", "busybox:1.38.0", "node:22-trixie-slim"];

/** Traefik and apps in a directory of its own, on the real engine, at ports of this host that nobody else has. */
export interface EdgeStack {
  directory: string;
  model: StackModel;
  ports: { http: number; https: number };
  /** Text of the stack's own authority. */
  authority: string;
  compose(...args: string[]): Promise<RunResult>;
  up(): Promise<void>;
  /** Runs a program in a running service. */
  exec(service: string, ...command: string[]): Promise<RunResult>;
  container(service: string): Promise<string>;
  api(): Promise<TraefikApi>;
  remove(): Promise<void>;
}

export interface EdgeStackOptions {
  engine: Engine;
  /** Lines under `traefik:` in stack.yaml, in flow style without the braces: `rateLimit: false`. */
  traefik?: string;
  /** Further components, as lines of stack.yaml. */
  components: string;
  /** Files that the user supplies under secrets/. */
  secrets?: Record<string, string>;
  /** Content of compose.override.yaml: networks of the test's own servers. */
  override?: (model: StackModel) => { services?: object; networks?: object };
}

export async function edgeStack(options: EdgeStackOptions): Promise<EdgeStack> {
  const directory = mkdtempSync(join(tmpdir(), "edge-stack-"));
  const [http, https] = [await freePort(), await freePort()];
  const yaml = [
    `name: ${uniqueName()}`,
    "components:",
    `  traefik: { ports: { http: ${http}, https: ${https} }${options.traefik === undefined ? "" : `, ${options.traefik}`} }`,
    options.components,
  ].join("\n");
  const config = loadStackConfig(yaml, "stack.yaml", components);
  const model = buildModel(config, {
    components,
    templates: (path) => readFileSync(new URL(path, templates), "utf8"),
  });
  const documents = composeDocuments(model);
  for (const file of [...documents, ...model.files, ...routeFiles(model.routes)])
    writeFileAtomic(join(directory, file.path), file.content);
  const paths = [...documents.map((file) => file.path), "compose.override.yaml"];
  writeFileSync(join(directory, ".env"), envFile(model, paths));
  writeFileSync(join(directory, "compose.override.yaml"), JSON.stringify(override(model, options.override?.(model))));
  mkdirSync(join(directory, "secrets"), { mode: 0o700 });
  for (const [name, content] of Object.entries(options.secrets ?? {}))
    writeFileAtomic(join(directory, "secrets", name), content, 0o444);
  await writeSecrets(directory, model, new Date());
  const compose = (...args: string[]) => composeIn(directory).run(args, { timeout: 120_000 });
  const container = async (service: string) => (await compose("ps", "-q", service)).stdout.trim();
  return {
    directory,
    model,
    ports: { http, https },
    get authority() {
      return readFileSync(join(directory, "secrets/local_authority"), "utf8");
    },
    compose,
    async up() {
      // A limit of its own: the stack has a long-running service for every one that ends.
      const result = await compose("up", "-d", "--wait", "--wait-timeout", "90");
      if (result.code === 0) return;
      const logs = await compose("logs", "--no-color", "--tail", "50");
      throw new Error(`docker compose up: ${result.code}\n${result.stderr}\n${logs.stdout}`);
    },
    exec: (service, ...command) => compose("exec", "-T", service, ...command),
    container,
    api: async () => traefikApi(options.engine, await container("traefik")),
    async remove() {
      await compose("down", "--volumes", "--remove-orphans", "--timeout", "0");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A small app that answers with what it was sent, as JSON. `/slow?ms=500` takes that long; a body is counted. */
export function echoApp(key: string, route: string, more = ""): string {
  const program = [
    'require("node:http").createServer(async (request, response) => {',
    "  let bytes = 0;",
    "  for await (const piece of request) bytes += piece.length;",
    '  const wait = Number(new URL(request.url, "http://x").searchParams.get("ms") ?? 0);',
    "  await new Promise((done) => setTimeout(done, wait));",
    '  response.setHeader("X-Powered-By", "Echo");',
    '  response.setHeader("Content-Type", "application/json");',
    `  response.end(JSON.stringify({ app: "${key}", bytes, url: request.url, headers: request.headers }));`,
    "}).listen(3000);",
  ].join("\n");
  return [
    `  ${key}:`,
    `    { type: app, image: "node:22-trixie-slim", user: "1000:1000", port: 3000, health: { path: /, interval: 2s },`,
    `      entrypoint: [node], command: [-e, ${JSON.stringify(program)}], limits: { memory: 128m },`,
    `      routes: [${route}]${more === "" ? "" : `, ${more}`} }`,
  ].join("\n");
}

/** A port of this host that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Apps of these tests need few files, and some hosts refuse to raise the limit. */
function override(model: StackModel, more: { services?: object } = {}): object {
  const apps = model.services.filter((service) => service.group === "apps");
  const lowered = apps.map(({ name }) => [name, { ulimits: { nofile: { soft: 1024, hard: 1024 } } }]);
  return { ...more, services: { ...Object.fromEntries(lowered), ...more.services } };
}

let made = 0;

function uniqueName(): string {
  made += 1;
  return `edge-${process.pid.toString(36)}${Date.now().toString(36).slice(-5)}${made}`;
}
