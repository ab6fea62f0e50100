import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { emptyBucket, must, type Place, removeCopies, type Server, toolbox, withStack } from "./backup-stack.ts";
import { line } from "./generating.ts";
import { measure } from "./measure.ts";
import { type Line, mebibyte } from "./report.ts";

/** What the supervisor may hold while it copies and delivers, however large the copies are. */
const mostMemory = 120 * mebibyte;

/** Copying and bringing back against what a careful person would type for the same. */
export function benchBackups(place: Place): Line[] {
  const name = `bench-backup-${process.pid}`;
  return withStack(place, name, ({ folder, server, run }) => [
    ...benchVolume(place, folder, name, run),
    ...benchDatabase(place, folder, name, run),
    ...benchUpload(place, folder, name, server, run),
    ...benchRestore(place, folder, name, run),
  ]);
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
    {
      ...line("backup run of a volume, with its checks", found.get("ours"), "tar | zstd -T0", [found.get("pack")]),
      mostMemory,
      why: "tar | zstd leaves an archive that nobody has looked at: ours is on the disk, hashed twice, read to its end and counted",
    },
    line("the same", found.get("ours"), "tar | zstd -T0, sync, sha256sum, tar -t", [found.get("pack and look")], 1.05),
  ];
}

function benchDatabase({ size, rounds }: Place, folder: string, name: string, run: Run): Line[] {
  // 16 MB each.
  const scale = String(Math.ceil(size / 80));
  const fill = ["pgbench", "-U", "postgres", "-i", "-q", "-s", scale, "postgres"];
  must(["docker", "compose", "exec", "-T", "postgres", ...fill], folder);
  const out = join(folder, "by-hand");
  const clean = () => {
    must(["docker", "run", "--rm", "--entrypoint", "sh", "-v", `${out}:/out`, toolbox, "-c", "rm -rf /out/*"], folder);
    rmSync(join(folder, "backups/snapshots/postgres"), { recursive: true, force: true });
  };
  const container = (script: string) => [
    ...["docker", "run", "--rm", "--user", "999:999", "--entrypoint", "bash"],
    ...["-v", `${name}_postgres-socket:/var/run/postgresql`, "-v", `${out}:/out`, toolbox, "-euc", script],
  ];
  const copy =
    "pg_basebackup -h /var/run/postgresql -U postgres -D /out/base -Ft -X stream -c fast --compress=client-zstd:level=1,workers=2";
  const look = `cd /out/base; zstd -q -1 --rm pg_wal.tar; sync base.tar.zst pg_wal.tar.zst; sha256sum * >/tmp/sums
pg_verifybackup --format=tar --no-parse-wal .; mkdir /tmp/wal; tar -I 'zstd -dq' -xf pg_wal.tar.zst -C /tmp/wal`;
  const found = measure(
    [
      { name: "ours", argv: run("backup", "run", "--only", "postgres", "--to", "local"), cwd: folder, before: clean },
      { name: "bare", argv: container(copy), before: clean },
      { name: "careful", argv: container(`${copy} --manifest-checksums=SHA256; ${look}`), before: clean },
    ],
    rounds,
  );
  clean();
  const ours = found.get("ours");
  return [
    {
      ...line("backup run of Postgres, with its checks", ours, "pg_basebackup", [found.get("bare")]),
      mostMemory,
      why: "pg_basebackup alone hashes, syncs and looks at nothing; ours has the copy compared with the server's manifest and ships the log",
    },
    line("the same", ours, "pg_basebackup, sync, sha256sum, pg_verifybackup", [found.get("careful")]),
  ];
}

function benchUpload({ rounds }: Place, folder: string, name: string, server: Server, run: Run): Line[] {
  must(run("backup", "run", "--only", "files-files", "--to", "local"), folder);
  const [id = ""] = readdirSync(join(folder, "backups/snapshots/files-files"));
  const file = join(folder, "backups/snapshots/files-files", id, "volume.tar.zst");
  const remote = `:s3,provider=Minio,access_key_id=${server.user},secret_access_key=${server.password},endpoint="${server.endpoint}":bench`;
  const before = () => emptyBucket(name);
  const rclone = (from: string) => `env -u AWS_CA_BUNDLE rclone copyto --s3-no-check-bucket ${from} '${remote}/x'`;
  // A volume has no dumps: nothing is copied, and what the destination lacks is delivered.
  const deliver = {
    argv: run("backup", "run", "--only", "files-files", "--lane", "dump", "--to", "offsite"),
    cwd: folder,
    before,
  };
  const sealed = measure(
    [
      { name: "ours", ...deliver },
      {
        name: "age and rclone",
        argv: [
          "sh",
          "-ec",
          `age -r ${server.recipient} -o ${file}.tmp ${file}; ${rclone(`${file}.tmp`)}; rm ${file}.tmp`,
        ],
        before,
      },
    ],
    rounds,
  );
  encrypt(folder, run, "{ off: true }");
  const plain = measure(
    [
      { name: "ours", ...deliver },
      { name: "rclone", argv: ["sh", "-ec", rclone(file)], before },
    ],
    rounds,
  );
  encrypt(folder, run, `{ recipients: [${server.recipient}] }`);
  return [
    {
      ...line(
        "delivery, encrypted on the way",
        sealed.get("ours"),
        "age, then rclone copyto",
        [sealed.get("age and rclone")],
        1.05,
      ),
      mostMemory,
    },
    { ...line("delivery, plain", plain.get("ours"), "rclone copyto", [plain.get("rclone")], 1.25), mostMemory },
  ];
}

function encrypt(folder: string, run: Run, how: string): void {
  const path = join(folder, "stack.yaml");
  writeFileSync(path, readFileSync(path, "utf8").replace(/^( *encrypt:).*$/m, `$1 ${how}`));
  must(run("generate", "--yes"), folder);
}

function benchRestore({ rounds }: Place, folder: string, name: string, run: Run): Line[] {
  const [id = ""] = readdirSync(join(folder, "backups/snapshots/files-files"));
  const source = join(folder, "backups/snapshots/files-files", id);
  const volume = `${name}_by-hand`;
  const clean = () => {
    removeCopies(name);
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
    {
      ...line(
        "restore run of a volume, beside it, with its checks",
        found.get("ours"),
        "zstd -d | tar x",
        [found.get("by hand")],
        1.1,
      ),
      mostMemory,
    },
  ];
}
