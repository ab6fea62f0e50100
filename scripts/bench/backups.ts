import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { line } from "./generating.ts";
import { measure } from "./measure.ts";
import type { Line } from "./report.ts";

interface Place {
  program: string;
  scratch: string;
  rounds: number;
  /** Megabytes in the volume. */
  size: number;
}

const toolbox = "postgres:18.6-trixie";
const s3Image = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";

/** Why backups cannot be timed here, or undefined. */
export function whyNoBackups(): string | undefined {
  for (const image of [toolbox, s3Image, "busybox:1.38.0"])
    if (spawnSync("docker", ["image", "inspect", image], { stdio: "ignore" }).status !== 0) return `no image ${image}`;
  const missing = ["age", "rclone", "zstd"].find((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
  return missing === undefined ? undefined : `no ${missing}`;
}

/** Copying and bringing back against what a careful person would type for the same. */
export function benchBackups(place: Place): Line[] {
  const name = `bench-backup-${process.pid}`;
  const folder = join(place.scratch, name);
  const server = startServer(name);
  try {
    makeStack(place, folder, name, server);
    const run = (...words: string[]) => [process.execPath, join(folder, ".stack/create-stack.mjs"), ...words];
    must(run("start", "--yes", "--no-pull"), folder);
    fill(name, place.size);
    return [
      ...benchVolume(place, folder, name, run),
      ...benchDatabase(place, folder, name, run),
      ...benchUpload(place, folder, server, run),
      ...benchRestore(place, folder, name, run),
    ];
  } finally {
    spawnSync("docker", ["compose", "down", "--volumes", "--timeout", "2"], { cwd: folder, stdio: "ignore" });
    for (const volume of lines("docker", "volume", "ls", "-q", "--filter", `label=create-stack.stack=${name}`))
      spawnSync("docker", ["volume", "rm", volume], { stdio: "ignore" });
    spawnSync("docker", ["rm", "-f", "-v", `${name}-s3`], { stdio: "ignore" });
  }
}

type Run = (...words: string[]) => string[];

function benchVolume({ rounds }: Place, folder: string, name: string, run: Run): Line[] {
  const out = join(folder, "by-hand");
  mkdirSync(out);
  // Containers of other users write there.
  chmodSync(out, 0o777);
  const container = (script: string) => [
    ...["docker", "run", "--rm", "--network", "none", "--entrypoint", "bash"],
    ...["-v", `${name}_files-files:/data:ro`, "-v", `${out}:/out`, toolbox, "-euo", "pipefail", "-c", script],
  ];
  const clean = () => {
    for (const file of readdirSync(out)) rmSync(join(out, file));
    rmSync(join(folder, "backups/snapshots/files-files"), { recursive: true, force: true });
  };
  const pack = "tar -C /data -cf - . | zstd -qT0 -3 -o /out/x.tar.zst";
  const found = measure(
    [
      {
        name: "ours",
        argv: run("backup", "run", "--only", "files-files", "--to", "local"),
        cwd: folder,
        before: clean,
      },
      { name: "pack", argv: container(pack), before: clean },
      {
        name: "pack and look",
        argv: container(
          `${pack}; sync /out/x.tar.zst; sha256sum /out/x.tar.zst >/out/x.sum; zstd -dcT0 /out/x.tar.zst | tar -tf - >/dev/null`,
        ),
        before: clean,
      },
    ],
    rounds,
  );
  clean();
  return [
    line("backup run of a volume, with its checks", found.get("ours"), "tar | zstd -T0", [found.get("pack")]),
    line("the same", found.get("ours"), "tar | zstd -T0, sync, sha256sum, tar -t", [found.get("pack and look")], 1.05),
  ];
}

function benchDatabase({ rounds }: Place, folder: string, name: string, run: Run): Line[] {
  const scale = String(Math.max(1, rounds * 5));
  must(
    ["docker", "compose", "exec", "-T", "postgres", "pgbench", "-U", "postgres", "-i", "-q", "-s", scale, "postgres"],
    folder,
  );
  const out = join(folder, "by-hand");
  const clean = () => {
    must(["docker", "run", "--rm", "--entrypoint", "sh", "-v", `${out}:/out`, toolbox, "-c", "rm -rf /out/*"], folder);
    rmSync(join(folder, "backups/snapshots/postgres"), { recursive: true, force: true });
  };
  const bare =
    "pg_basebackup -h /var/run/postgresql -U postgres -D /out/base -Ft -X stream -c fast --compress=server-zstd:level=1,workers=2";
  const found = measure(
    [
      { name: "ours", argv: run("backup", "run", "--only", "postgres", "--to", "local"), cwd: folder, before: clean },
      {
        name: "bare",
        argv: [
          "docker",
          "run",
          "--rm",
          "--user",
          "999:999",
          "--entrypoint",
          "sh",
          "-v",
          `${name}_postgres-socket:/var/run/postgresql`,
          "-v",
          `${out}:/out`,
          toolbox,
          "-c",
          bare,
        ],
        before: clean,
      },
    ],
    rounds,
  );
  clean();
  return [line("backup run of Postgres, with its checks", found.get("ours"), "pg_basebackup", [found.get("bare")])];
}

function benchUpload({ rounds }: Place, folder: string, server: Server, run: Run): Line[] {
  must(run("backup", "run", "--only", "files-files", "--to", "local"), folder);
  const [id = ""] = readdirSync(join(folder, "backups/snapshots/files-files"));
  const file = join(folder, "backups/snapshots/files-files", id, "volume.tar.zst");
  const remote = `:s3,provider=Minio,access_key_id=${server.user},secret_access_key=${server.password},endpoint="${server.endpoint}":bench`;
  const clean = () =>
    void spawnSync("docker", ["exec", `${folder.split("/").at(-1)}-s3`, "sh", "-c", "rm -rf /data/bench/*"]);
  const found = measure(
    [
      { name: "ours", argv: run("backup", "run", "--only", "stack", "--to", "offsite"), cwd: folder, before: clean },
      {
        name: "rclone",
        argv: ["env", "-u", "AWS_CA_BUNDLE", "rclone", "copyto", "--s3-no-check-bucket", file, `${remote}/x`],
        before: clean,
      },
      {
        name: "age and rclone",
        argv: [
          "sh",
          "-c",
          `age -r ${server.recipient} -o ${file}.tmp ${file}; env -u AWS_CA_BUNDLE rclone copyto --s3-no-check-bucket ${file}.tmp '${remote}/x'; rm ${file}.tmp`,
        ],
        before: clean,
      },
    ],
    rounds,
  );
  return [
    line("delivery, encrypted on the way", found.get("ours"), "rclone copyto, plain", [found.get("rclone")]),
    line("the same", found.get("ours"), "age, then rclone copyto", [found.get("age and rclone")], 1.05),
  ];
}

function benchRestore({ rounds }: Place, folder: string, name: string, run: Run): Line[] {
  const [id = ""] = readdirSync(join(folder, "backups/snapshots/files-files"));
  const source = join(folder, "backups/snapshots/files-files", id);
  const volume = `${name}_by-hand`;
  const clean = () => {
    for (const one of lines("docker", "volume", "ls", "-q", "--filter", `label=create-stack.stack=${name}`))
      spawnSync("docker", ["volume", "rm", one], { stdio: "ignore" });
    spawnSync("docker", ["volume", "rm", volume], { stdio: "ignore" });
  };
  const found = measure(
    [
      {
        name: "ours",
        argv: run("restore", "run", "--only", "files-files", "--into", "copy"),
        cwd: folder,
        before: clean,
      },
      {
        name: "by hand",
        argv: [
          "docker",
          "run",
          "--rm",
          "--entrypoint",
          "bash",
          "-v",
          `${volume}:/data`,
          "-v",
          `${source}:/in:ro`,
          toolbox,
          "-eu",
          "-c",
          "zstd -dcT0 /in/volume.tar.zst | tar -C /data -xf -",
        ],
        before: clean,
      },
    ],
    rounds,
  );
  clean();
  return [
    line("restore run of a volume, beside it, with its checks", found.get("ours"), "zstd -d | tar x", [
      found.get("by hand"),
    ]),
  ];
}

interface Server {
  endpoint: string;
  user: string;
  password: string;
  recipient: string;
}

function startServer(name: string): Server {
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
  const recipient = /age1[0-9a-z]+/.exec(key)?.[0] ?? "";
  execFileSync(
    "sh",
    [
      "-c",
      `for i in $(seq 100); do docker exec ${name}-s3 mc -q alias set own http://127.0.0.1:9000 ${user} ${password} && docker exec ${name}-s3 mc -q mb own/bench && exit 0; sleep 0.2; done; exit 1`,
    ],
    { stdio: "ignore" },
  );
  return { endpoint: `http://${address}`, user, password, recipient };
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

function must([program = "", ...rest]: readonly string[], cwd: string): void {
  const run = spawnSync(program, rest, { cwd, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 });
  if (run.status !== 0) throw new Error(`${program} ${rest.join(" ")}:\n${run.stdout}${run.stderr}`);
}

function lines(program: string, ...args: string[]): string[] {
  return execFileSync(program, args, { encoding: "utf8" })
    .split("\n")
    .filter((text) => text !== "");
}
