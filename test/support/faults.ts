import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { messageOf } from "../../src/support/errors.ts";
import { readIfExists } from "../../src/support/files.ts";
import type { S3Server } from "./s3-servers.ts";

const bundle = join(import.meta.dirname, "../../dist/create-stack.mjs");

/** How a command ended that something may have befallen. */
export interface Ended {
  /** Undefined where a signal ended it. */
  code: number | undefined;
  /** What it said on stderr, line by line. */
  lines: string[];
  stdout: string;
  /** Whether the fault was reached at all. */
  struck: boolean;
}

/** When a fault strikes a command, and how. */
export interface Fault {
  /** After this line of progress; `number` counts from 1. */
  at?(line: string, number: number): boolean;
  /** As soon as this holds; asked again and again while the command runs. */
  when?(): boolean;
  strike(command: ChildProcess): void;
}

/** SIGKILL to the program itself: no chance to clear up. */
export const kill = (command: ChildProcess) => void command.kill("SIGKILL");

/** Ctrl-C. */
export const interrupt = (command: ChildProcess) => void command.kill("SIGINT");

/** A stack that faults befall, run by the program that it carries in itself. */
export interface FaultStack {
  name: string;
  directory: string;
  /** Runs a command of the stack, to its end or to the fault. */
  run(args: readonly string[], fault?: Fault): Promise<Ended>;
  docker(...args: string[]): string;
  /** The line as root, or as the user of the image, in a service that runs. */
  sh(service: string, line: string): string;
  remove(): void;
}

export interface FaultStackSettings {
  /** `components:` of stack.yaml, indented by two. */
  components?: string;
  /** Lines of `backup:` of stack.yaml, indented by two. */
  backup?: string;
  /** Where the bucket `backups` is. */
  bucket?: S3Server;
  /** Variables for the program and for Docker: another engine. */
  env?: Record<string, string>;
  /** Folder in which the stack's directory is made; removed with it. */
  parent?: string;
}

/** An application with a volume that stands still while that is copied. */
export const appWithVolume = `  app:
    image: busybox:1.38.0
    entrypoint: [sleep]
    command: ["100000"]
    connections: env
    volumes: [{ name: uploads, path: /uploads, backup: stop }]
    limits: { cpus: 0.1, memory: 32m }
`;

const everything = `${appWithVolume}    uses: [postgres, redis]
  postgres: { version: 18 }
  redis: { profile: durable }
`;

/** Makes a stack with the built program; nothing of it runs yet. */
export function createFaultStack(settings: FaultStackSettings = {}): FaultStack {
  if (!existsSync(bundle)) throw new Error("dist/create-stack.mjs is missing; run: npm run build");
  const { components = everything, backup = "", bucket, parent = mkdtempSync(join(tmpdir(), "faults-")) } = settings;
  const name = `f${randomBytes(4).toString("hex")}`;
  const directory = join(parent, name);
  const env = { ...process.env, ...settings.env };
  writeFileSync(join(parent, "given.yaml"), stackYaml(name, components, backup, bucket));
  execFileSync(process.execPath, [bundle, "create", directory, "--config", join(parent, "given.yaml"), "--yes"], {
    env,
    stdio: "pipe",
  });
  if (bucket !== undefined)
    writeFileSync(join(directory, "secrets/offsite_s3"), `${bucket.accessKeyId}\n${bucket.secretAccessKey}\n`, {
      mode: 0o600,
    });
  const docker = (...args: string[]) =>
    execFileSync("docker", args, { env, cwd: directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  return {
    name,
    directory,
    docker,
    sh: (service, line) => docker("compose", "exec", "-T", service, "sh", "-c", line),
    run: (args, fault) => runWithFault(directory, env, args, fault),
    remove() {
      // Not what an engine of a test's own still has: that goes with the engine.
      for (const args of [
        ["ps", "-aq"],
        ["volume", "ls", "-q"],
      ]) {
        const label = `label=create-stack.stack=${name}`;
        const { stdout } = spawnSync("docker", [...args, "--filter", label], { env, encoding: "utf8" });
        const ids = (stdout ?? "").split("\n").filter((id) => id !== "");
        if (ids.length > 0)
          spawnSync("docker", [...(args[0] === "ps" ? ["rm", "-fv"] : ["volume", "rm"]), ...ids], { env });
      }
      spawnSync("docker", ["compose", "--profile", "jobs", "down", "--volumes", "--remove-orphans", "--timeout", "0"], {
        cwd: directory,
        env,
      });
      rmSync(parent, { recursive: true, force: true });
    },
  };
}

function stackYaml(name: string, components: string, backup: string, bucket: S3Server | undefined): string {
  const destination = `  destinations:
    offsite: { bucket: backups, prefix: ${name}, endpoint: "${bucket?.endpoint}", credentials: offsite_s3 }
`;
  const encrypt = backup.includes("encrypt:") ? "" : "  encrypt: { off: true }\n";
  return `name: ${name}\ncomponents:\n${components}backup:\n${encrypt}${backup}${bucket === undefined ? "" : destination}`;
}

function runWithFault(
  cwd: string,
  env: NodeJS.ProcessEnv,
  args: readonly string[],
  fault: Fault | undefined,
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const program = join(cwd, ".stack/create-stack.mjs");
    const child = spawn(process.execPath, [program, ...args], { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const lines: string[] = [];
    let [stdout, rest, struck] = ["", "", false];
    const strike = () => {
      if (struck || child.exitCode !== null) return;
      struck = true;
      fault?.strike(child);
    };
    const watch = fault?.when && setInterval(() => !struck && fault.when?.() && strike(), 20);
    child.stdout.on("data", (bytes) => (stdout += bytes));
    child.stderr.on("data", (bytes) => {
      const pieces = `${rest}${bytes}`.split("\n");
      rest = pieces.pop() ?? "";
      for (const line of pieces) {
        lines.push(line);
        if (fault?.at?.(line, lines.length)) strike();
      }
    });
    child.on("error", reject);
    child.on("exit", (code) => {
      clearInterval(watch);
      // What it had started (Compose) may live on with its pipes.
      setImmediate(() => resolve({ code: code ?? undefined, lines, stdout, struck }));
    });
  });
}

/** Strikes when a container of this purpose (`backup-app-uploads`) has just begun to run; called with its id. */
export function onHelper(
  stack: FaultStack,
  purpose: RegExp,
  strike: (id: string, command: ChildProcess) => void,
): Fault {
  const label = `label=create-stack.stack=${stack.name}`;
  const format = '{{.ID}} {{.Label "create-stack.purpose"}}';
  let id = "";
  return {
    when() {
      const running = stack.docker("ps", "--no-trunc", "--filter", label, "--format", format).split("\n");
      id = running.find((line) => purpose.test(line.split(" ")[1] ?? ""))?.split(" ")[0] ?? "";
      return id !== "";
    },
    strike: (command) => strike(id, command),
  };
}

/** `app running`, `postgres running`: the services of the stack that do not run once and end. */
export function services(stack: FaultStack): string[] {
  const format = '{{.Label "com.docker.compose.service"}} {{.State}}';
  return stack
    .docker("ps", "-a", "--filter", `label=com.docker.compose.project=${stack.name}`, "--format", format)
    .split("\n")
    .filter((line) => line !== "" && !line.includes("-setup"))
    .sort();
}

/** Id of the container of a service. */
export function containerOf(stack: FaultStack, service: string): string {
  return stack.docker("compose", "ps", "-aq", service);
}

/** What dead commands have left: containers beside Compose, volumes that nobody is to keep, folders that are staged. */
export function leftovers(stack: FaultStack): string[] {
  const label = `label=create-stack.stack=${stack.name}`;
  const made = [
    stack.docker("ps", "-a", "--filter", label, "--format", "container {{.Names}}"),
    stack.docker("volume", "ls", "--filter", label, "--format", 'volume {{.Name}} {{.Label "create-stack.purpose"}}'),
  ].flatMap((text) => text.split("\n"));
  const staging = join(stack.directory, "backups/.staging");
  const staged = existsSync(staging) ? readdirSync(staging).filter((name) => !name.endsWith(".process")) : [];
  return [
    ...made.filter((line) => line !== "" && !line.endsWith(" restore")),
    ...staged.map((name) => `staged ${name}`),
  ];
}

interface Listed {
  snapshots: { id: string; source: string; type: string; stores: { restorable: boolean; problems: string[] }[] }[];
  failed: unknown[];
}

/** What `backup list` shows; every set in it has to be whole. */
export async function listWhole(stack: FaultStack): Promise<Listed["snapshots"]> {
  const { stdout, code, lines } = await stack.run(["backup", "list", "--json"]);
  expect(code, lines.join("\n")).toBe(0);
  const { snapshots, failed } = JSON.parse(stdout) as Listed;
  expect(failed).toEqual([]);
  for (const { id, source, stores } of snapshots)
    for (const { restorable, problems } of stores)
      expect({ id, source, restorable, problems }).toMatchObject({ restorable: true, problems: [] });
  return snapshots;
}

/** Runs a command that has to end with 0. */
export async function succeed(stack: FaultStack, ...args: string[]): Promise<Ended> {
  const ended = await stack.run(args);
  expect(ended.code, `${args.join(" ")}\n${ended.lines.join("\n")}\n${ended.stdout}`).toBe(0);
  return ended;
}

const smallDisk = 512 * 1024 ** 2;

/** Writes into a file until only so many bytes (whole pages) fit on its disk, which has to be a small one. */
export function fillDisk(filler: string, leave = 0): void {
  const { blocks, bsize } = statfsSync(dirname(filler));
  if (blocks * bsize > smallDisk) throw new Error(`${filler} is on no disk that a test may fill`);
  const file = openSync(filler, "w");
  let size = 0;
  try {
    for (;;) size += writeSync(file, new Uint8Array(64 * 1024));
  } catch (error) {
    expect(messageOf(error)).toContain("ENOSPC");
    ftruncateSync(file, size - leave);
  } finally {
    closeSync(file);
  }
  // Others may have taken some of it by now.
  expect(statfsSync(filler).bavail * bsize).toBeLessThanOrEqual(leave);
}

/** Asks until it holds. */
export async function until(what: string, holds: () => boolean, limit = 60_000): Promise<void> {
  for (const end = Date.now() + limit; !holds(); ) {
    if (Date.now() > end) throw new Error(`${what} did not come true within ${limit / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** An engine of a test's own, which it may kill. */
export interface OwnEngine {
  /** For the program and for Docker. */
  env: { DOCKER_HOST: string };
  /** Folder of its volumes: a small disk of its own. */
  volumes: string;
  /** SIGKILL to the daemon; containers that ran go on until it comes back. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Ends it and removes all that it had. */
  remove(): Promise<void>;
}

/**
 * Starts a second engine beside the first: another data root, another socket, another name in containerd, and in a
 * network namespace of its own. Gives the images to it. Its volumes lie on a disk of
 * 160 MiB. Answers with the reason where that cannot be done.
 */
export async function startOwnEngine(images: readonly string[]): Promise<OwnEngine | string> {
  if (process.getuid?.() !== 0) return "a second engine can be started by root alone";
  if (spawnSync("dockerd", ["--version"]).status !== 0) return "there is no dockerd here";
  const folder = mkdtempSync(join(tmpdir(), "engine-"));
  const volumes = join(folder, "data/volumes");
  mkdirSync(volumes, { recursive: true });
  // The engine would lay its data root over itself, and hide the small disk below it, if it were no mount already.
  const mounts = 'mount --bind "$1/data" "$1/data" && mount -t tmpfs -o size=160m none "$1/data/volumes"';
  if (spawnSync("sh", ["-c", mounts, "sh", folder]).status !== 0) {
    spawnSync("umount", [join(folder, "data")]);
    rmSync(folder, { recursive: true, force: true });
    return "no file system can be mounted";
  }
  const env = { DOCKER_HOST: `unix://${folder}/socket` };
  const answers = () => spawnSync("docker", ["version"], { env: { ...process.env, ...env } }).status === 0;
  const log = openSync(join(folder, "log"), "a");
  let daemon: ChildProcess | undefined;
  const ended = async () => {
    await until(
      "the engine's end",
      () => daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null,
    );
  };
  const engine: OwnEngine = {
    env,
    volumes,
    async start() {
      rmSync(join(folder, "pid"), { force: true });
      // A containerd of its own dies with it; the next one would wait ten seconds for its number to be free.
      const containerd = join(folder, "exec/containerd/containerd.pid");
      await until("the end of its containerd", () => !isRunning(readIfExists(containerd)));
      rmSync(containerd, { force: true });
      // In a network of its own: an engine takes away interfaces that it thinks are its own, such as docker0.
      daemon = spawn("unshare", ["--net", "--", "dockerd", ...daemonOptions(folder)], { stdio: ["ignore", log, log] });
      await until(`an engine in ${folder}`, answers, 60_000);
    },
    async kill() {
      daemon?.kill("SIGKILL");
      await ended();
    },
    async remove() {
      daemon?.kill("SIGTERM");
      await ended();
      closeSync(log);
      // Those of a daemon that was killed may have been left alone by the next one.
      for (const id of processesOf(folder.slice(folder.lastIndexOf("/") + 1))) process.kill(id, "SIGKILL");
      for (const line of readFileSync("/proc/mounts", "utf8").split("\n").reverse()) {
        const [, place = ""] = line.split(" ");
        if (place.startsWith(`${folder}/`)) spawnSync("umount", ["--lazy", place]);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await engine.start();
    const load = 'docker save "$@" | docker --host "$OWN" load --quiet';
    execFileSync("sh", ["-c", load, "sh", ...images], { env: { ...process.env, OWN: env.DOCKER_HOST }, stdio: "pipe" });
    return engine;
  } catch (error) {
    const said = readFileSync(join(folder, "log"), "utf8").trim().split("\n").at(-1) ?? "";
    await engine.remove();
    return `a second engine does not run here: ${messageOf(error)} ${said}`;
  }
}

/** False also for a process that has ended and that nobody has asked for its end. */
function isRunning(id: string | undefined): boolean {
  const stat = id === undefined ? undefined : readIfExists(`/proc/${id.trim()}/stat`);
  return stat !== undefined && !/\) [ZX] /.test(stat);
}

/** Ids of the processes between containerd and a container, for one name in containerd. */
function processesOf(namespace: string): number[] {
  return readdirSync("/proc").flatMap((id) => {
    try {
      const command = readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
      return command[0]?.includes("containerd-shim") && command.includes(namespace) ? [Number(id)] : [];
    } catch {
      return [];
    }
  });
}

function daemonOptions(folder: string): string[] {
  const places = [
    "--data-root",
    join(folder, "data"),
    "--exec-root",
    join(folder, "exec"),
    "--pidfile",
    join(folder, "pid"),
  ];
  const name = folder.slice(folder.lastIndexOf("/") + 1);
  const containerd = ["--containerd-namespace", name, "--containerd-plugins-namespace", `${name}-plugins`];
  const network = ["--iptables=false", "--ip6tables=false", "--ip-masq=false"];
  const addresses = ["--default-address-pool", "base=10.213.0.0/16,size=26"];
  // Not the settings of the first one.
  writeFileSync(join(folder, "daemon.json"), "{}");
  const socket = ["--config-file", join(folder, "daemon.json"), "--host", `unix://${folder}/socket`];
  return [...socket, ...places, ...containerd, ...network, ...addresses];
}
