import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runPrune } from "../../src/operations/backup/prune.ts";
import { readBackupState } from "../../src/operations/backup/state.ts";
import { readCatalogue } from "../../src/snapshots/catalogue.ts";
import { localStore } from "../../src/snapshots/local-store.ts";
import { backupStack, keysIn } from "../support/backup-stack.ts";
import { day, hour, idAt, manifest, noon, putSnapshot } from "../support/snapshots.ts";

const root = join(import.meta.dirname, "..", "..");
const program = join(root, "test", "support", "prune-child.ts");

/** Runs a prune as a program of its own until it waits before a removal, and kills it there. Says before which. */
function killBefore(removal: number, directory: string): Promise<string> {
  const child = spawn(process.execPath, ["--import", "tsx", program, directory, String(noon), String(removal)], {
    cwd: root,
  });
  let output = "";
  const read = (piece: Buffer) => {
    output += piece.toString("utf8");
    if (output.includes("waiting before")) child.kill("SIGKILL");
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  return new Promise((resolve) => child.on("close", () => resolve(output.trim())));
}

describe("a prune that is killed with SIGKILL", () => {
  test.each([
    [0, "manifest.json"],
    [1, "archive.tar.zst"],
    [2, "manifest.json"],
    [3, "archive.tar.zst"],
  ])("before removal %i leaves whole sets, and the next one finishes at once", async (removal, file) => {
    const { context, directory } = backupStack();
    mkdirSync(join(directory, ".stack"), { recursive: true });
    writeFileSync(join(directory, ".stack", "model.json"), JSON.stringify(context.model));
    const local = localStore(join(directory, "backups"));
    const full = manifest({ at: noon - 12 * day });
    const increment = manifest({ at: noon - 11 * day, type: "incremental", parent: full.id });
    const newest = manifest({ at: noon - 2 * day });
    const young = [4, 3, 2, 1].map((ago) =>
      manifest({ at: noon - ago * hour, type: "incremental", parent: newest.id }),
    );
    const others = [1, 0.5, 0].map((ago) => manifest({ at: noon - ago * day }));
    for (const each of [full, increment, newest, ...young, ...others]) await putSnapshot(local, each);
    for (const key of await keysIn(local)) utimesSync(join(directory, "backups", key), noon / 1_000, noon / 1_000);

    const said = await killBefore(removal, directory);
    const victim = removal < 2 ? increment : full;
    expect(said).toBe(`waiting before snapshots/files/${victim.id}/${file}`);
    const { snapshots, incomplete } = await readCatalogue(local);
    expect(snapshots.flatMap(({ problems }) => problems)).toEqual([]);
    expect(snapshots).toHaveLength(10 - Math.ceil(removal / 2));
    expect(incomplete.map(({ id }) => id)).toEqual(file === "manifest.json" ? [] : [victim.id]);

    // The lock of the dead is taken over, and its leftovers are not a day old.
    const [result] = (await runPrune(context, [local])).stores;
    expect(result?.error).toBeUndefined();
    expect(result?.removed).toMatchObject({ sets: 2 - Math.ceil(removal / 2), leftovers: incomplete.length });
    const left = await readCatalogue(local);
    expect(left.incomplete).toEqual([]);
    expect(left.snapshots.map(({ manifest: { id } }) => id)).not.toContain(full.id);
    expect(left.snapshots).toHaveLength(8);
    expect(readBackupState(directory).pruning).toEqual({});
    expect(JSON.parse(readFileSync(join(directory, ".stack", "backup", "state.json"), "utf8"))).toMatchObject({
      lastSeenNow: noon,
    });
    expect(idAt(noon)).toBe(left.snapshots.at(-1)?.manifest.id);
  });
});
