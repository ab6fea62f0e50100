import { execFileSync, spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const toolbox = "postgres:18.6-trixie";
const s3Image = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";

export interface Place {
  program: string;
  scratch: string;
  rounds: number;
  /** Megabytes in the volume. */
  size: number;
}

/** Why backups cannot be timed here, or undefined. */
export function whyNoBackups(): string | undefined {
  for (const image of [toolbox, s3Image, "busybox:1.38.0"])
    if (spawnSync("docker", ["image", "inspect", image], { stdio: "ignore" }).status !== 0) return `no image ${image}`;
  const missing = ["age", "rclone", "zstd"].find((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
  return missing === undefined ? undefined : `no ${missing}`;
}

/** A stack that runs, with a volume of this size, and a bucket beside it. All of it goes when `work` has ended. */
export function withStack<Result>(
  place: Place,
  name: string,
  work: (stack: { folder: string; server: Server; run: (...words: string[]) => string[] }) => Result,
): Result {
  const folder = join(place.scratch, name);
  const server = startServer(name, place.scratch);
  try {
    makeStack(place, folder, name, server);
    const run = (...words: string[]) => [process.execPath, join(folder, ".stack/create-stack.mjs"), ...words];
    must(run("start", "--yes", "--no-pull"), folder);
    fill(name, place.size);
    return work({ folder, server, run });
  } finally {
    spawnSync("docker", ["compose", "down", "--volumes", "--timeout", "2"], { cwd: folder, stdio: "ignore" });
    removeCopies(name);
    spawnSync("docker", ["rm", "-f", "-v", `${name}-s3`], { stdio: "ignore" });
  }
}

/** Volumes that restores have made beside those of the stack. */
export function removeCopies(name: string): void {
  for (const volume of copies(name)) spawnSync("docker", ["volume", "rm", volume], { stdio: "ignore" });
}

export function copies(name: string): string[] {
  return lines("docker", "volume", "ls", "-q", "--filter", `label=create-stack.stack=${name}`);
}

/** Empties the bucket. */
export function emptyBucket(name: string): void {
  spawnSync("docker", ["exec", `${name}-s3`, "sh", "-c", "rm -rf /data/bench/*"], { stdio: "ignore" });
}

export interface Server {
  endpoint: string;
  user: string;
  password: string;
  recipient: string;
  /** Holds the private key. */
  keyFile: string;
}

function startServer(name: string, scratch: string): Server {
  const [user, password] = ["benchuser", "benchpassword"];
  const set = ["-e", `MINIO_ROOT_USER=${user}`, "-e", `MINIO_ROOT_PASSWORD=${password}`];
  execFileSync("docker", [
    "run",
    "-d",
    "--name",
    `${name}-s3`,
    ...set,
    "-p",
    "127.0.0.1::9000",
    s3Image,
    "server",
    "/data",
  ]);
  const [address = ""] = lines("docker", "port", `${name}-s3`, "9000");
  const key = execFileSync("age-keygen", { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const keyFile = join(scratch, `${name}.key`);
  writeFileSync(keyFile, key, { mode: 0o600 });
  const recipient = /age1[0-9a-z]+/.exec(key)?.[0] ?? "";
  execFileSync(
    "sh",
    [
      "-c",
      `for i in $(seq 100); do docker exec ${name}-s3 mc -q alias set own http://127.0.0.1:9000 ${user} ${password} && docker exec ${name}-s3 mc -q mb own/bench && exit 0; sleep 0.2; done; exit 1`,
    ],
    { stdio: "ignore" },
  );
  return { endpoint: `http://${address}`, user, password, recipient, keyFile };
}

function makeStack({ program, scratch }: Place, folder: string, name: string, server: Server): void {
  const config = join(scratch, `${name}.yaml`);
  writeFileSync(
    config,
    `name: ${name}
components:
  files:
    type: app
    image: busybox:1.38.0
    user: "0:0"
    entrypoint: [sleep, infinity]
    health: { exec: ["true"], interval: 2s }
    volumes: [{ name: files, path: /files }]
  postgres: {}
backup:
  encrypt: { recipients: [${server.recipient}] }
  destinations:
    offsite: { bucket: bench, endpoint: "${server.endpoint}", credentials: offsite_s3 }
`,
  );
  must([process.execPath, program, "create", folder, "--config", config, "--yes"], scratch);
  writeFileSync(join(folder, "secrets/offsite_s3"), `${server.user}\n${server.password}\n`, { mode: 0o600 });
}

/** Half of it text that packs well, half of it noise, in files of many sizes. */
function fill(name: string, megabytes: number): void {
  const script = `cd /data; i=0; while [ $i -lt ${megabytes / 2} ]; do i=$((i+1)); d=$((i%20)); mkdir -p $d
head -c 1048576 /dev/urandom >$d/noise-$i; head -c 786432 /dev/urandom | base64 >$d/text-$i; done; cp -r /usr/lib/postgresql /data/many 2>/dev/null || true`;
  must(
    [
      "docker",
      "run",
      "--rm",
      "--user",
      "0",
      "--entrypoint",
      "bash",
      "-v",
      `${name}_files-files:/data`,
      toolbox,
      "-c",
      script,
    ],
    "/",
  );
}

export function must([program = "", ...rest]: readonly string[], cwd: string): void {
  const run = spawnSync(program, rest, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
  if (run.status !== 0) throw new Error(`${program} ${rest.join(" ")}:\n${run.stdout}${run.stderr}`);
}

function lines(program: string, ...args: string[]): string[] {
  return execFileSync(program, args, { encoding: "utf8" })
    .split("\n")
    .filter((text) => text !== "");
}
