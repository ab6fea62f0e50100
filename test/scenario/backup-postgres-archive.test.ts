import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/support/process.ts";
import { describeWithDocker } from "../support/docker.ts";

const image = "postgres:18.6-trixie";
const segment = "000000010000000000000005";

/** What each case begins with: a data folder with the cluster's number and one finished segment, a call of the script. */
const preamble = `
cd /data && mkdir -p global pg_wal
printf '\\x18\\x20\\x43\\x6d\\xa6\\x11\\x01\\x6b' >global/pg_control
cluster=$(od -An -t u8 -N 8 global/pg_control | tr -d ' ')
segment=${segment}
zeros() { head -c 16777216 /dev/zero; }
archive() { sh /archive-wal.sh "pg_wal/$1" "$1" 2>/tmp/said; echo "$?: $(sed "s/$cluster/CLUSTER/g" /tmp/said)"; }
names() { LC_ALL=C ls -A /wal | sed "s/$cluster/CLUSTER/"; }
{ echo one; zeros; } | head -c 16777216 >pg_wal/$segment
touch -d '2026-11-21 03:00:00 UTC' pg_wal/$segment
`;

await describeWithDocker("archive-wal.sh, in the server's image", [image], () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "archive-wal-"));
    chmodSync(folder, 0o755);
    const script = readFileSync(new URL("../../templates/postgres/archive-wal.sh.hbs", import.meta.url), "utf8");
    writeFileSync(join(folder, "archive-wal.sh"), script, { mode: 0o755 });
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs bash lines as the server's user; the spool is a file system of the given size, or is not there at all. */
  async function inServer(lines: string, spool = "size=64m"): Promise<string[]> {
    const mount = spool === "" ? [] : ["--tmpfs", `/wal:${spool},mode=0777`];
    const { stdout, stderr } = await run([
      ...["docker", "run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "999:999"],
      ...["--tmpfs", "/tmp:mode=1777", "--tmpfs", "/data:mode=1777", ...mount],
      ...["--volume", `${join(folder, "archive-wal.sh")}:/archive-wal.sh:ro`, "--entrypoint", "bash"],
      ...[image, "-c", preamble + lines],
    ]);
    return `${stdout}${stderr}`.trim().split("\n");
  }

  test("a new segment is kept, readable by others, with the time of its last change", async () => {
    const said = await inServer(`
archive $segment; names
stat -c '%a %y' /wal/$cluster.$segment.zst
zstd -dqc /wal/$cluster.$segment.zst | cmp - pg_wal/$segment && echo same`);
    expect(said).toEqual(["0: ", `CLUSTER.${segment}.zst`, "644 2026-11-21 03:00:00.000000000 +0000", "same"]);
  });

  test("the same again is fine, another content is refused and the first one stays", async () => {
    const said = await inServer(`
archive $segment; archive $segment
{ echo two; zeros; } | head -c 16777216 >pg_wal/$segment; archive $segment
zstd -dqc /wal/$cluster.$segment.zst | head -n 1; names`);
    expect(said).toEqual([
      "0: ",
      "0: ",
      `1: archive: /wal/CLUSTER.${segment}.zst is there already, with another content`,
      "one",
      `CLUSTER.${segment}.zst`,
    ]);
  });

  test("a database that was made anew does not meet the log of its predecessor", async () => {
    const said = await inServer(`
archive $segment; printf '\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00' >global/pg_control; archive $segment; ls -A /wal | wc -l`);
    expect(said).toEqual(["0: ", "0: ", "2"]);
  });

  test("without the mount it fails, so that the server keeps the segment", async () => {
    expect(await inServer("archive $segment", "")).toEqual(["1: archive: /wal is not mounted"]);
  });

  test("a source that is missing is a failure and leaves nothing", async () => {
    const said = await inServer("archive 000000010000000000000009; names");
    expect(said[0]).toMatch(/^[12]: .*No such file/);
    expect(said).toHaveLength(1);
  });

  test("what a killed archiver left is written over, and a kept file that cannot be read is written again", async () => {
    const said = await inServer(`
echo half >/wal/.$cluster.$segment.new; archive $segment; names
echo broken >/wal/$cluster.$segment.zst; archive $segment
zstd -dqc /wal/$cluster.$segment.zst | cmp - pg_wal/$segment && echo same`);
    expect(said).toEqual(["0: ", `CLUSTER.${segment}.zst`, "0: ", "same"]);
  });

  test("branches are kept as they are, notes of backups and unfinished segments compressed", async () => {
    const said = await inServer(`
printf '1\\t0/5000000\\tno recovery target specified\\n' >pg_wal/00000002.history; archive 00000002.history
echo note >pg_wal/$segment.00000028.backup; archive $segment.00000028.backup
cp pg_wal/$segment pg_wal/$segment.partial; archive $segment.partial
names; cat /wal/$cluster.00000002.history`);
    expect(said).toEqual([
      "0: ",
      "0: ",
      "0: ",
      `CLUSTER.${segment}.00000028.backup.zst`,
      `CLUSTER.${segment}.partial.zst`,
      "CLUSTER.00000002.history",
      "1\t0/5000000\tno recovery target specified",
    ]);
  });

  test("a disk that fills up in between is a failure and leaves nothing half-written", async () => {
    const said = await inServer(`head -c 16777216 /dev/urandom >pg_wal/$segment; archive $segment; names`, "size=4m");
    expect(said[0]).toMatch(/^\d+: .*No space left on device/);
    expect(said.slice(1).filter((line) => line.includes("CLUSTER"))).toEqual([]);
  });

  test("on a disk that is all but full the database comes first, and a note says what was not kept", async () => {
    const said = await inServer("head -c 4000000 /dev/zero >/wal/other; archive $segment; names", "size=4m");
    expect(said).toEqual([
      `0: archive: the disk is full; ${segment} was NOT kept`,
      `CLUSTER.${segment}.dropped`,
      "other",
    ]);
  });
});
