import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { composeIn } from "../../../../src/engine/compose.ts";
import { readBackupState } from "../../../../src/operations/backup/state.ts";
import { openStores } from "../../../../src/operations/backup/stores.ts";
import { runVerify } from "../../../../src/operations/backup/verify.ts";
import type { Context } from "../../../../src/operations/context.ts";
import { bytesOf } from "../../../../src/snapshots/byte-source.ts";
import { manifestName, printManifest, snapshotFolder } from "../../../../src/snapshots/manifest.ts";
import { makeIdentity } from "../../../../src/snapshots/recipients.ts";
import { ageSealer } from "../../../../src/snapshots/seal.ts";
import type { S3Destination } from "../../../../src/stack/backup-settings.ts";
import type { DataSource } from "../../../../src/stack/data-source.ts";
import { backupStack } from "../../../support/backup-stack.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { type FaultyS3, startFaultyS3 } from "../../../support/faulty-s3.ts";
import { backupSettings } from "../../../support/models.ts";
import { day, idAt, manifest, noon, putSnapshot, sha256 } from "../../../support/snapshots.ts";

const destination = (name: string, endpoint: string): S3Destination => ({
  name,
  type: "s3",
  bucket: "b",
  prefix: "shop",
  endpoint,
  credentials: "s3",
  appendOnly: false,
});

/** An address at which nobody listens any more. */
async function closedPort(): Promise<string> {
  const server = createTcpServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

const snapshots = [manifest({ at: noon - day }), manifest({ at: noon })];

describe("verify where a destination does not answer", () => {
  let alive: FaultyS3;

  beforeEach(async () => {
    // The shortest wait before each further try.
    vi.spyOn(Math, "random").mockReturnValue(0);
    alive = await startFaultyS3();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await alive.close();
  });

  async function stackWith(first: string): Promise<Context> {
    const destinations = [destination("first", first), destination("second", alive.endpoint)];
    const { context, directory } = backupStack({ backup: backupSettings({ destinations }) });
    writeFileSync(join(directory, "secrets/s3"), "key\nsecret\n");
    mkdirSync(join(directory, "backups"));
    for (const store of openStores(context, ["local", "second"]))
      for (const each of snapshots) await putSnapshot(store, each);
    return { ...context, engine: fakeEngine(), compose: composeIn(directory) };
  }

  const found = ({ snapshots: list }: Awaited<ReturnType<typeof runVerify>>) =>
    list.map(({ store, id, ok }) => `${store} ${id} ${ok ? "sound" : "not sound"}`);
  const sound = (store: string) => snapshots.map(({ id }) => `${store} ${id} sound`);

  test("it ends, names that one, looks at the others, and is no success", async () => {
    const result = await runVerify(await stackWith(await closedPort()), { all: true });
    expect(result.ok).toBe(false);
    expect(result.unread).toMatchObject([{ store: "first", error: { code: "store-unreachable" } }]);
    expect(result.unread[0]?.error).toMatchObject({ hint: expect.stringMatching(/./) });
    expect(found(result)).toEqual([...sound("local"), ...sound("second")]);
    expect(result.shared.map(({ store }) => store)).toEqual(["local", "second"]);
  });

  test("one that goes away in the middle is told as such: what was not read is not called damaged", async () => {
    const context = await stackWith(alive.endpoint);
    const [, newest] = snapshots;
    // Both destinations are the same bucket here; reads of the newest snapshot's part break off for good.
    alive.fault(
      "GetObject",
      ({ key, response, proceed }) => {
        if (key.includes(`${newest?.id}/archive`)) response.destroy();
        else return proceed();
      },
      { times: 1_000 },
    );
    const result = await runVerify(context, { all: true });
    expect(result.ok).toBe(false);
    expect(result.unread.map(({ store }) => store)).toEqual(["first", "second"]);
    expect(found(result)).toEqual([
      ...sound("local"),
      ...["first", "second"].map((store) => `${store} ${idAt(noon - day)} sound`),
    ]);
  });
});

describe("verify of what is encrypted", () => {
  const files: DataSource = {
    name: "files",
    component: "app",
    service: "app",
    volume: "files",
    kind: "volume",
    consistency: { kind: "live" },
  };
  let alive: FaultyS3;
  beforeEach(async () => {
    alive = await startFaultyS3();
  });
  afterEach(() => alive.close());

  /** A stack with one copy, in a bucket, for a key that is with its owner. */
  async function stackWithSealedCopy(): Promise<Context> {
    const destinations = [destination("offsite", alive.endpoint)];
    const { context, directory } = backupStack({ dataSources: [files], backup: backupSettings({ destinations }) });
    writeFileSync(join(directory, "secrets/s3"), "key\nsecret\n");
    mkdirSync(join(directory, "backups"));
    const plain = join(directory, "plain");
    writeFileSync(plain, "content");
    const { recipient } = await makeIdentity();
    const sealed = await ageSealer([recipient]).seal(plain);
    const bytes = await sealed.read(0, sealed.size);
    const name = "archive.tar.zst.age";
    const stored = { name, bytes: bytes.length, sha256: sha256(bytes) };
    const described = manifest();
    const parts = described.parts.map((part) => ({ ...part, stored }));
    const [store] = openStores(context, ["offsite"]);
    if (store === undefined) throw new Error("there is a bucket");
    await store.put(`${snapshotFolder("files", described.id)}${name}`, bytesOf(bytes));
    const text = printManifest({ ...described, encryption: "age", parts });
    await store.put(`${snapshotFolder("files", described.id)}${manifestName}`, bytesOf(text));
    return { ...context, engine: fakeEngine(), compose: composeIn(directory) };
  }

  test("somebody else's key finds no damage, and is no success", async () => {
    const context = await stackWithSealedCopy();
    const key = join(context.directory, "key.txt");
    writeFileSync(key, `${(await makeIdentity()).identity}\n`);
    const result = await runVerify(context, { on: "offsite", deep: true, key });
    expect(result).toMatchObject({ ok: false, unopened: 1, unread: [] });
    expect(result.snapshots).toMatchObject([{ ok: true, level: "hash", unopened: expect.stringMatching(/^None of/) }]);
    // What is remembered decides what prune may remove, and whom to alarm.
    const { checks, drills } = readBackupState(context.directory);
    expect(JSON.stringify(checks)).not.toContain('"ok":false');
    expect(drills).toEqual({});
  });

  test("a trial restore without a key is said not to have been one", async () => {
    const result = await runVerify(await stackWithSealedCopy(), { on: "offsite", deep: true });
    expect(result).toMatchObject({ ok: false, unopened: 1 });
    expect(result.snapshots).toMatchObject([
      { ok: true, level: "hash", unopened: expect.stringMatching(/no private key/) },
    ]);
  });

  test("to read it takes no key", async () => {
    expect(await runVerify(await stackWithSealedCopy(), { on: "offsite" })).toMatchObject({ ok: true, unopened: 0 });
  });

  test("an id that nobody knows is refused before anything is read", async () => {
    const context = await stackWithSealedCopy();
    const mistyped = "20260101T000000Z-abcdef";
    await expect(runVerify(context, { ids: [manifest().id, mistyped] })).rejects.toMatchObject({
      message: `There is no snapshot or run ${mistyped}`,
    });
  });
});
