import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { stackLabel } from "../../src/operations/backup/container.ts";
import { volumeKind } from "../../src/operations/backup/kind-volume.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import { unfinishedOperations } from "../../src/operations/journal.ts";
import type { SnapshotManifest, SnapshotType } from "../../src/snapshots/manifest.ts";
import type { Consistency, DataSourceOf } from "../../src/stack/data-source.ts";
import { loadJob, oneOffs, partsJob, produceJob, removeOneOffs, snapshotIn } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { smallService, smallStack } from "../support/scenario.ts";
import { contentOf, inVolume, oneOfEverything, toolboxImage } from "../support/volume-content.ts";

type Link = { manifest: SnapshotManifest; folder: string };

/** A stack whose service `web` has the volume `uploads`, and what a backup does with it. */
async function stackWithUploads(consistency: Consistency = { kind: "live" }) {
  const mounts = [{ kind: "volume" as const, volume: "uploads", target: "/data", readOnly: false }];
  const source: DataSourceOf<"volume"> = {
    name: "uploads",
    component: "web",
    service: "web",
    volume: "uploads",
    kind: "volume",
    consistency,
  };
  const stack = await smallStack([smallService("web", { mounts })], {
    volumes: [{ name: "uploads", component: "web", about: "Uploads." }],
    dataSources: [source],
  });
  await stack.compose("up", "-d", "--wait");
  const { context } = stack;
  onTestFinished(() => removeOneOffs(context));
  const volume = `${stack.model.name}_uploads`;
  const chain: Link[] = [];
  const earlier = () => chain.map(({ manifest }) => manifest);
  return {
    stack,
    context,
    source,
    volume,
    chain,
    /** Makes a snapshot as the orchestration does: produced, checked, known to the next. */
    async backUp(type: SnapshotType = "full") {
      const job: ProduceJob<DataSourceOf<"volume">> = { ...produceJob(context, source, type), earlier: earlier() };
      const produced = await volumeKind.produce(job);
      const link = snapshotIn(job, produced);
      if (produced.parent !== undefined) link.manifest.parent = produced.parent;
      const checked = await volumeKind.check(partsJob(job, link));
      if (type === "full") chain.length = 0;
      chain.push(link);
      return { produced, checked, job, link };
    },
    async load() {
      const job = produceJob(context, source);
      const last = chain.at(-1);
      if (last === undefined) throw new Error("nothing was backed up");
      const loaded = await volumeKind.load({ ...loadJob(job, last), chain });
      return { loaded, restored: loaded.volumes[0]?.restored ?? "" };
    },
    plan: () => volumeKind.plan("increment", source, earlier()),
  };
}

/** What tar's own memory of renamed folders could not bring back: names taken over, exchanged, moved below each other. */
const changes = [
  `
mv site/deep 'with space/deep'; mkdir -p site/deep; echo another >site/deep/other
mv empty moved; mkdir one two one/in gone; echo 1 >one/1; echo 2 >two/2; echo 3 >one/in/3; echo away >gone/file
echo more >>old; rm dangling; rm 'star*'; chmod 0600 nothing; chown 7:8 .
`,
  `
mv one x; mv two one; mv x two
rm -r 'with space/deep/er'; mv two/in 'with space/deep/er'; rm -r gone; echo file >gone
rm same; ln site/index.html again; mkfifo another-pipe; touch -d '2020-02-02' old; rm holes; mkdir holes
chown 1234:4321 .; chmod 0711 .
`,
] as const;

/** Writes at the end of the volume's file `large`, again and again. */
async function keepWriting(volume: string, signal: AbortSignal): Promise<void> {
  const name = `${volume}-writer`;
  const script = "while :; do printf x >>/data/large; done";
  const argv = [
    "run",
    "-d",
    "--rm",
    "--network",
    "none",
    "--name",
    name,
    "-v",
    `${volume}:/data`,
    smallImage,
    "sh",
    "-c",
    script,
  ];
  execFileSync("docker", argv, { stdio: "ignore" });
  await once(signal, "abort");
  execFileSync("docker", ["kill", name], { stdio: "ignore" });
  spawnSync("docker", ["wait", name]);
}

await describeWithDocker("volumes: archives", [smallImage, toolboxImage], () => {
  test("everything that a file system can hold comes back, over a full copy and increments with renames and removals", async () => {
    const { volume, backUp, load, context, plan } = await stackWithUploads();
    inVolume(volume, oneOfEverything);
    expect(plan()).toEqual(["full"]);
    const full = await backUp();
    expect(full.checked).toEqual({ ok: true, detail: expect.stringContaining("entries can be read") });
    expect(full.produced.warnings).toEqual([]);
    expect(plan()).toEqual(["incremental"]);
    const first = await load();
    expect(first.loaded.checks).toEqual([expect.objectContaining({ ok: true }), expect.objectContaining({ ok: true })]);
    const original = contentOf(volume);
    // Were the file system without one of them, this would prove less than it says.
    for (const part of [
      "user.origin=",
      "security.capability=",
      "posix_acl_access=",
      "posix_acl_default=",
      "device 1:3",
    ])
      expect(original).toContainEqual(expect.stringContaining(part));
    expect(contentOf(first.restored)).toEqual(original);

    inVolume(volume, changes[0]);
    await backUp("incremental");
    inVolume(volume, changes[1]);
    const { produced, checked, link } = await backUp("incremental");
    expect(checked.ok).toBe(true);
    expect(produced.parent).toBe(link.manifest.parent);
    // What nobody touched is not copied again.
    expect(produced.parts[0]?.bytes).toBeLessThan((full.produced.parts[0]?.bytes ?? 0) - 400_000);
    const last = await load();
    expect(last.loaded.checks).toEqual([
      { ok: true, detail: expect.stringContaining("are those of the original") },
      { ok: true, detail: expect.stringContaining("byte by byte") },
    ]);
    expect(contentOf(last.restored)).toEqual(contentOf(volume));
    expect((await oneOffs(context)).sort()).toEqual([first.restored, last.restored].sort());
  });

  test("what changes while it is read is told, and copied again by the next increment", async () => {
    const { volume, backUp, load, context } = await stackWithUploads();
    inVolume(volume, "head -c 200M /dev/urandom >large; echo quiet >quiet");
    const abort = new AbortController();
    const writing = keepWriting(volume, abort.signal);
    const { produced, checked } = await backUp();
    abort.abort();
    await writing;
    expect(produced.warnings).toEqual([expect.stringContaining("./large: file changed as we read it")]);
    expect(produced.facts.unsettled).toBeGreaterThan(0);
    expect(checked.ok).toBe(true);
    const next = await backUp("incremental");
    expect(next.produced.warnings).toEqual([]);
    expect(next.produced.facts.unsettled).toBe(0);
    const { loaded, restored } = await load();
    expect(loaded.checks.map(({ ok }) => ok)).toEqual([true, true]);
    expect(contentOf(restored)).toEqual(contentOf(volume));
    await removeOneOffs(context);
  });

  test("whoever kills the container that copies: the copy has failed, the service runs again, nothing is left", async () => {
    const { stack, volume, context, source } = await stackWithUploads({ kind: "stop" });
    inVolume(volume, "head -c 300M /dev/urandom >large");
    const job = produceJob(context, source);
    const copying = volumeKind.produce(job);
    copying.catch(() => {});
    const copier = async () => (await context.engine.labelled(stackLabel, stack.model.name))[0];
    await vi.waitUntil(async () => (await copier())?.state === "running", { timeout: 60_000, interval: 20 });
    expect(await stack.states()).toEqual(["web exited 0"]);
    await context.engine.kill((await copier())?.id ?? "", "SIGKILL");
    await expect(copying).rejects.toMatchObject({ message: "The archive of uploads failed: exit code 137" });
    expect((await stack.states())[0]).toMatch(/^web running/);
    expect(await oneOffs(context)).toEqual([]);
    expect(unfinishedOperations(stack.directory)).toMatchObject([{ undo: [] }]);
  });

  test("30,000 small files: the increment holds only the one that changed", async () => {
    const { volume, backUp, load } = await stackWithUploads();
    inVolume(
      volume,
      `perl -e 'for my $d (1..300) { mkdir "d$d"; for (1..100) { open F, ">", "d$d/$_"; print F "$d $_\\n" x ($_ % 40) } }'`,
    );
    const full = await backUp();
    expect(full.produced.facts).toMatchObject({ files: 30_000, folders: 301, unsettled: 0, members: 30_301 });
    inVolume(volume, "echo more >>d7/7; rm d8/8");
    const { produced } = await backUp("incremental");
    expect(produced.facts).toMatchObject({ files: 29_999, members: 302 });
    const { loaded, restored } = await load();
    expect(loaded.checks.map(({ ok }) => ok)).toEqual([true, true]);
    expect(contentOf(restored)).toEqual(contentOf(volume));
  });

  test("a database server at work in the volume is recognised: its files are not copied while it writes", async () => {
    const { stack, volume, backUp, context, source } = await stackWithUploads();
    const name = `${volume}-server`;
    const argv = ["run", "-d", "--rm", "--network", "none", "--name", name, "-e", "POSTGRES_HOST_AUTH_METHOD=trust"];
    execFileSync("docker", [...argv, "-v", `${volume}:/var/lib/postgresql`, toolboxImage], { stdio: "ignore" });
    onTestFinished(() => void spawnSync("docker", ["rm", "-f", name]));
    const ready = () => spawnSync("docker", ["exec", name, "pg_isready", "-h", "127.0.0.1"]).status;
    await expect.poll(ready, { timeout: 60_000 }).toBe(0);
    await expect(volumeKind.produce(produceJob(context, source))).rejects.toMatchObject({
      code: "volume-of-database",
      message: expect.stringMatching(/uploads looks like the folder of Postgres \(18\/docker\/global\/pg_control\)/),
      hint: expect.stringMatching(/`backup: stop`.*component `postgres`/),
    });
    execFileSync("docker", ["stop", name], { stdio: "ignore" });
    await stack.compose("stop");
    expect((await backUp()).checked.ok).toBe(true);
    expect(await oneOffs(context)).toEqual([]);
  });

  test("an archive that is damaged, cut short, or not the one of its manifest is not sound", async () => {
    const { volume, backUp, load } = await stackWithUploads();
    inVolume(volume, "head -c 3M /dev/urandom >file; mkdir a; echo 1 >a/1");
    const { job, link } = await backUp();
    const path = join(link.folder, "volume.tar.zst");
    const whole = readFileSync(path);
    const checked = () => volumeKind.check(partsJob(job, link));
    const flipped = Buffer.from(whole);
    flipped[1_000_000] = (flipped[1_000_000] ?? 0) ^ 1;
    for (const damaged of [flipped, whole.subarray(0, whole.length - 100), Buffer.alloc(0)]) {
      writeFileSync(path, damaged);
      expect(await checked()).toEqual({ ok: false, detail: expect.stringContaining("cannot be read") });
      await expect(load()).rejects.toMatchObject({ code: "backup-task-failed" });
    }
    writeFileSync(path, whole);
    expect(await checked()).toEqual({ ok: true, detail: "volume.tar.zst: 4 entries can be read" });
    link.manifest.facts.members = 5;
    expect(await checked()).toEqual({ ok: false, detail: "volume.tar.zst holds 4 entries, not 5" });
    link.manifest.facts.files = 3;
    link.manifest.facts.listing = "0";
    expect((await load()).loaded.checks[0]).toEqual({
      ok: false,
      detail: expect.stringContaining("are not the 3 files"),
    });
  });

  test("a volume that has become empty is told, one that tar does not remember is copied whole, one that is not there is an error", async () => {
    const { stack, volume, backUp, load, source, context } = await stackWithUploads();
    inVolume(volume, "echo 1 >1; mkdir 2");
    await backUp();
    inVolume(volume, "rm -r 1 2");
    const { produced } = await backUp("incremental");
    expect(produced.warnings).toEqual(["it is empty, and at the last copy it held 1 files"]);
    expect(produced.facts).toMatchObject({ empty: true, files: 0, folders: 1 });
    // Without what tar remembers everything is copied, and the chain goes on.
    inVolume(volume, "head -c 1000 /dev/urandom >3");
    const again = await backUp("incremental");
    expect(again.produced.facts).toMatchObject({ members: 2 });
    expect((await backUp("incremental")).produced.facts).toMatchObject({ members: 1 });
    rmSync(again.job.memory, { recursive: true });
    mkdirSync(again.job.memory);
    expect((await backUp("incremental")).produced.facts).toMatchObject({ members: 2 });
    const { restored } = await load();
    expect(contentOf(restored)).toEqual(contentOf(volume));
    await context.engine.removeVolume(restored);
    await stack.compose("down", "-v");
    const job = produceJob(context, source);
    await expect(volumeKind.produce(job)).rejects.toMatchObject({ code: "source-not-created" });
  });
});
