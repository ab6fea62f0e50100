import { mkdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { composeIn } from "../../../../src/engine/compose.ts";
import { openStores } from "../../../../src/operations/backup/stores.ts";
import { runVerify } from "../../../../src/operations/backup/verify.ts";
import type { Context } from "../../../../src/operations/context.ts";
import type { S3Destination } from "../../../../src/stack/backup-settings.ts";
import { backupStack } from "../../../support/backup-stack.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { type FaultyS3, startFaultyS3 } from "../../../support/faulty-s3.ts";
import { backupSettings } from "../../../support/models.ts";
import { day, idAt, manifest, noon, putSnapshot } from "../../../support/snapshots.ts";

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
