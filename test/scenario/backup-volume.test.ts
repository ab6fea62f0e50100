import { expect, onTestFinished, test } from "vitest";
import { volumeKind } from "../../src/operations/backup/kind-volume.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import type { SnapshotManifest, SnapshotType } from "../../src/snapshots/manifest.ts";
import type { Consistency, DataSourceOf } from "../../src/stack/model.ts";
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
});
