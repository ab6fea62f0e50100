import { describe, expect, test } from "vitest";
import { runList } from "../../../../src/operations/backup/list.ts";
import { changeBackupState, noteCheck } from "../../../../src/operations/backup/state.ts";
import { bytesOf } from "../../../../src/snapshots/byte-source.ts";
import { backupStack } from "../../../support/backup-stack.ts";
import { memoryStore } from "../../../support/memory-store.ts";
import { badCheck, hour, idAt, manifest, noon, putSnapshot } from "../../../support/snapshots.ts";

describe("the list of snapshots", () => {
  test("shows each once, with the stores that have it and how far it was looked at", async () => {
    const { context, directory } = backupStack();
    const local = memoryStore({ name: "local", offHost: false });
    const offsite = memoryStore({ name: "offsite" });
    for (const store of [local, offsite]) await putSnapshot(store, manifest({ at: noon }));
    await putSnapshot(local, manifest({ at: noon - hour, source: "postgres", type: "dump" }));
    const check = { level: "drill" as const, at: new Date(noon).toISOString(), ok: true, detail: "restored" };
    changeBackupState(directory, (state) => noteCheck(state, "local", `files/${idAt(noon)}`, check));
    const { snapshots, incomplete, failed } = await runList(context, [local, offsite]);
    const found = snapshots.map(({ source, type, stores }) => [
      source,
      type,
      ...stores.map(({ store, restorable, checked }) => `${store} ${restorable} ${checked?.level}`),
    ]);
    expect(found).toEqual([
      ["postgres", "dump", "local true structure"],
      ["files", "full", "local true drill", "offsite true structure"],
    ]);
    expect([incomplete, failed]).toEqual([[], []]);
    expect((await runList(context, [local, offsite], { source: "postgres" })).snapshots).toHaveLength(1);
  });

  test("of a source that the stack does not have and of which nothing is there is a mistake", async () => {
    const { context } = backupStack();
    const local = memoryStore({ name: "local", offHost: false });
    await putSnapshot(local, manifest({ source: "removed" }));
    expect((await runList(context, [local], { source: "removed" })).snapshots).toHaveLength(1);
    expect((await runList(context, [local], { source: "stack" })).snapshots).toEqual([]);
    await expect(runList(context, [local], { source: "stakc" })).rejects.toMatchObject({
      message: 'The stack has no data source "stakc"',
      hint: expect.stringContaining("stack"),
    });
  });

  test("tells why one cannot be restored, and what is no snapshot", async () => {
    const { context, directory } = backupStack();
    const local = memoryStore({ name: "local", offHost: false, now: () => noon });
    await putSnapshot(local, manifest({ at: noon - 4 * hour }), "short");
    await putSnapshot(local, manifest({ at: noon - 3 * hour, type: "incremental", parent: idAt(noon - 4 * hour) }));
    await putSnapshot(local, manifest({ at: noon - 2 * hour, checks: badCheck(noon) }));
    await putSnapshot(local, manifest({ at: noon - hour }));
    const bad = { level: "hash" as const, at: new Date(noon).toISOString(), ok: false, detail: "one bit differs" };
    changeBackupState(directory, (state) => noteCheck(state, "local", `files/${idAt(noon - hour)}`, bad));
    await local.put(`snapshots/files/${idAt(noon)}/archive.tar.zst`, bytesOf("half"));
    await local.put(`snapshots/files/${idAt(noon + hour)}/manifest.json`, bytesOf("no json"));
    const { snapshots, incomplete } = await runList(context, [local]);
    expect(
      snapshots.flatMap(({ stores }) => stores.map(({ restorable, problems }) => [restorable, ...problems])),
    ).toEqual([
      [false, "archive.tar.zst has 5 bytes instead of 7"],
      [false, "what it builds on is not there, or is not good"],
      [false, "structure check failed: broken"],
      [false, "hash check failed: one bit differs"],
    ]);
    // What failed is no look that counts: of the last the look at its structure is left, of the one before nothing.
    expect(snapshots.slice(-2).map(({ stores }) => stores[0]?.checked?.level)).toEqual([undefined, "structure"]);
    expect(incomplete.map(({ id, bytes, reason }) => [id, bytes, reason.slice(0, 28)])).toEqual([
      [idAt(noon + hour), 7, "its manifest cannot be read:"],
      [idAt(noon), 4, "no manifest: a backup is at "],
    ]);
  });

  test("shows what can be read where a store does not answer", async () => {
    const { context } = backupStack();
    const local = memoryStore({ name: "local", offHost: false });
    await putSnapshot(local, manifest());
    const dead = {
      ...memoryStore({ name: "offsite" }),
      // biome-ignore lint/correctness/useYield: it fails before the first object
      async *list() {
        throw new Error("no answer");
      },
    };
    const { snapshots, failed } = await runList(context, [local, dead]);
    expect(snapshots).toHaveLength(1);
    expect(failed.map(({ store, error }) => [store, error.message])).toEqual([["offsite", "no answer"]]);
  });
});
