import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { component as app } from "../../src/components/app/index.ts";
import type { Component } from "../../src/components/component.ts";
import { component as minio } from "../../src/components/minio/index.ts";
import { component as postgres } from "../../src/components/postgres/index.ts";
import { component as redis } from "../../src/components/redis/index.ts";
import { composeIn } from "../../src/engine/compose.ts";
import { composeDocuments } from "../../src/generator/compose-document.ts";
import { envFile } from "../../src/generator/env-file.ts";
import { buildModel } from "../../src/generator/model.ts";
import { writeSecrets } from "../../src/generator/secret-files.ts";
import { makeFolders } from "../../src/operations/folders.ts";
import { loadStackConfig } from "../../src/stack/load.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { writeFileAtomic } from "../../src/support/files.ts";
import { type RunResult, run } from "../../src/support/process.ts";
import { smallImage } from "../support/docker.ts";

const usual = [app, postgres, redis, minio] as unknown as Component[];
const templates = new URL("../../templates/", import.meta.url);
const setUpDone = /^(?!.*(Error|failed|unhealthy|didn't complete)).*$/s;

/** A stack of data components and apps in a directory of its own, on the real engine. */
export interface DataStack {
  model: StackModel;
  /** Absolute path. */
  directory: string;
  /** Writes what this stack.yaml of the same name makes, as `generate` after an edit; `up` starts it. */
  become(yaml: string): Promise<void>;
  /** `docker compose …` in its directory; `docker compose up -d` is how it starts. */
  compose(...args: string[]): Promise<RunResult>;
  up(): Promise<void>;
  /** Runs a shell line in a running service, with input where there is some. */
  sh(service: string, line: string, input?: string): Promise<RunResult>;
  /** A shortcut of the stack with further arguments, as the supervisor runs it. */
  shortcut(component: string, ...args: string[]): Promise<RunResult>;
  secret(name: string): string;
  /** Puts a secret's file there as a user would by hand. */
  writeSecret(name: string, content: string): void;
  /** Writes one secret by hand and every file that is composed of it. */
  rotate(name: string, value: string): Promise<void>;
  /** Address of a service's container on a network. */
  address(service: string, network: string): Promise<string>;
  /** Everything that a curious user could read without opening secrets/: inspect, logs, process lists. */
  readable(services: readonly string[]): Promise<string>;
  /** Values of all secrets that were made at random. */
  secretValues(): string[];
  remove(): Promise<void>;
}

/** `more`: components besides app, postgres, redis and minio. */
export async function dataStack(yaml: string, more: readonly Component[] = []): Promise<DataStack> {
  const components = [...usual, ...more];
  const directory = mkdtempSync(join(tmpdir(), "data-stack-"));
  let model = await write(directory, yaml, components);
  const compose = (...args: string[]) => composeIn(directory).run(args, { timeout: 240_000 });
  const idsOf = async (services: readonly string[]) =>
    (await compose("ps", "-aq", ...services)).stdout.split("\n").filter((id) => id !== "");
  const secret = (name: string) => readFileSync(join(directory, "secrets", name), "utf8").trim();
  const writeSecret = (name: string, content: string) =>
    writeFileAtomic(join(directory, "secrets", name), content, 0o444);
  return {
    get model() {
      return model;
    },
    directory,
    compose,
    secret,
    async become(next) {
      model = await write(directory, next, components);
    },
    async up() {
      const result = await compose("up", "-d");
      if (result.code === 0 && setUpDone.test(result.stdout)) return;
      const logs = await compose("logs", "--no-color", "--tail", "50");
      throw new Error(`docker compose up: ${result.code}\n${result.stderr}\n${logs.stdout}`);
    },
    // Past Compose, which takes as long again to find the container.
    sh: (service, line, input) =>
      run(["docker", "exec", ...(input === undefined ? [] : ["-i"]), `${model.name}-${service}-1`, "sh", "-c", line], {
        timeout: 60_000,
        ...(input !== undefined && { input }),
      }),
    async shortcut(component, ...args) {
      const found = model.shortcuts.find((candidate) => candidate.component === component);
      if (found === undefined) throw new Error(`no shortcut for ${component}`);
      return compose("exec", "-T", found.service, ...found.command, ...args);
    },
    writeSecret,
    async rotate(name, value) {
      writeSecret(name, `${value}\n`);
      await writeSecrets(directory, model, new Date());
    },
    async address(service, network) {
      const [id = ""] = await idsOf([service]);
      const format = `{{(index .NetworkSettings.Networks "${model.name}_${network}").IPAddress}}`;
      return (await run(["docker", "inspect", "--format", format, id])).stdout.trim();
    },
    async readable(services) {
      const ids = await idsOf(services);
      const inspect = await run(["docker", "inspect", ...ids]);
      const logs = await compose("logs", "--no-color", ...services);
      const processes = await compose("top", ...services);
      return [inspect, logs, processes].map((result) => result.stdout + result.stderr).join("\n");
    },
    secretValues: () => model.secrets.filter((file) => file.kind === "random").map((file) => secret(file.name)),
    async remove() {
      await compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "0");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Everything that `docker compose` needs of a stack.yaml, written into a directory. */
async function write(directory: string, yaml: string, components: readonly Component[]): Promise<StackModel> {
  const config = loadStackConfig(yaml, "stack.yaml", [...components]);
  const readTemplate = (path: string) => readFileSync(new URL(path, templates), "utf8");
  const model = buildModel(config, { components: [...components], templates: readTemplate });
  const documents = composeDocuments(model);
  const paths = [...documents.map((file) => file.path), "compose.override.yaml"];
  for (const { path, content } of documents) writeFileAtomic(join(directory, path), content);
  for (const { path, content, mode } of model.files) writeFileAtomic(join(directory, path), content, mode);
  makeFolders(directory, model);
  writeFileSync(join(directory, ".env"), envFile(model, paths));
  writeFileSync(join(directory, "compose.override.yaml"), clientsOverride(model));
  mkdirSync(join(directory, "secrets"), { mode: 0o700, recursive: true });
  await writeSecrets(directory, model, new Date());
  return model;
}

/** A name for a stack that no other run has. */
export function uniqueName(prefix: string): string {
  return `${prefix}-${process.pid.toString(36)}${Date.now().toString(36).slice(-5)}`;
}

/** Lines of stack.yaml for a client: an app that runs the given image and waits. */
export function client(key: string, image: string, uses: readonly string[], user = "999:999"): string {
  return [
    `  ${key}:`,
    `    { type: app, image: "${image}", user: "${user}", uses: [${uses.join(", ")}],`,
    `      entrypoint: [sleep, infinity], health: { exec: ["true"], interval: 2s }, limits: { memory: 128m } }`,
  ].join("\n");
}

/**
 * Gives a service a volume that is small, and in memory: `ballast`, a container of a shell, holds it there at /data, and
 * takes the room. To be said again after `become`. `size` as mount takes it, `user` as numbers.
 */
export function withSmallDisk(
  { directory }: DataStack,
  { service, size, user }: { service: string; size: string; user: `${number}:${number}` },
): void {
  const path = join(directory, "compose.override.yaml");
  const override = JSON.parse(readFileSync(path, "utf8")) as { services: Record<string, unknown> };
  const volume = `${service}-data`;
  const volumes = [{ type: "volume", source: volume, target: "/data" }];
  override.services.ballast = { image: smallImage, user, command: ["sleep", "3600"], volumes, stop_grace_period: "0s" };
  override.services[service] = { depends_on: { ballast: { condition: "service_started" } } };
  const [uid, gid] = user.split(":");
  const options = { type: "tmpfs", device: "tmpfs", o: `size=${size},uid=${uid},gid=${gid},mode=0755` };
  writeFileSync(
    path,
    JSON.stringify({ ...override, volumes: { [volume]: { driver: "local", driver_opts: options } } }),
  );
}

/** Clients need few files; some hosts refuse to raise the limit. */
function clientsOverride(model: StackModel): string {
  const apps = model.services.filter((service) => service.group === "apps");
  const services = apps.map((service) => [service.name, { ulimits: { nofile: { soft: 1024, hard: 1024 } } }]);
  return JSON.stringify({ services: Object.fromEntries(services) });
}

/** The hardening that every container of a data component must really have, as the engine reports it. */
export async function hardeningOf(stack: DataStack, service: string): Promise<unknown> {
  const id = (await stack.compose("ps", "-aq", service)).stdout.trim();
  const { stdout } = await run(["docker", "inspect", id]);
  const [container] = JSON.parse(stdout) as [{ Config: { User: string }; HostConfig: Record<string, unknown> }];
  const { CapDrop, CapAdd, ReadonlyRootfs, SecurityOpt, Privileged } = container.HostConfig;
  return { User: container.Config.User, CapDrop, CapAdd, ReadonlyRootfs, SecurityOpt, Privileged };
}

export const hardened = (user: string) => ({
  User: user,
  CapDrop: ["ALL"],
  CapAdd: null,
  ReadonlyRootfs: true,
  SecurityOpt: ["no-new-privileges:true"],
  Privileged: false,
});
