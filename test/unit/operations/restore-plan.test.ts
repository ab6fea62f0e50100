import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStores } from "../../../src/operations/backup/stores.ts";
import type { Context } from "../../../src/operations/context.ts";
import { planRestore } from "../../../src/operations/restore/plan.ts";
import type { DataSource } from "../../../src/stack/data-source.ts";
import { backupStack } from "../../support/backup-stack.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { memoryStore } from "../../support/memory-store.ts";
import { postgresSource } from "../../support/models.ts";
import { hour, idAt, manifest, noon, putSnapshot } from "../../support/snapshots.ts";

const files: DataSource = {
  name: "files",
  component: "app",
  service: "app",
  volume: "files",
  kind: "volume",
  consistency: { kind: "live" },
};

/** A stack with this source, and its own store. */
function stackOf(source: DataSource) {
  const { context, directory } = backupStack({ dataSources: [source] });
  mkdirSync(join(directory, "backups"));
  const [local] = openStores(context, ["local"]);
  if (local === undefined) throw new Error("there is a local store");
  return { context, local };
}

async function plan(options: { at?: string }, encryption: "none" | "age" = "none"): Promise<string> {
  const { context, local } = stackOf(files);
  await putSnapshot(local, manifest({ at: noon - 2 * hour, encryption }));
  const found = await planRestore(context as Context, { ...options, version: "1.0.0" });
  return found.plan.steps[0]?.cause ?? "";
}

/** Plans to bring back one database of a dump that has `app` and `blog`, on a server that has `app` and `shop`. */
async function planDatabase(options: { only: string[]; into?: string }) {
  const { context, local } = stackOf(postgresSource());
  const engine = fakeEngine();
  engine.add({
    service: "postgres",
    project: "shop",
    run: () => ({ exitCode: 0, stdout: '["postgres", "app", "shop"]\n', stderr: "" }),
  });
  const facts = { serverVersion: 180_006, roles: [], databases: [{ name: "app" }, { name: "blog" }] };
  const dump = { ...manifest({ at: noon - hour, source: "postgres" }), type: "dump" as const, facts };
  await putSnapshot(local, { ...dump, source: { ...dump.source, kind: "postgres" } });
  return planRestore({ ...context, engine } as unknown as Context, { ...options, snapshot: dump.id, version: "1.0.0" });
}

test("what stands against one database is said by the plan", async () => {
  await expect(planDatabase({ only: ["postgres/nobody"] })).rejects.toMatchObject({ code: "unknown-database" });
  await expect(planDatabase({ only: ["postgres/app"], into: "shop" })).rejects.toMatchObject({
    message: 'postgres has a database "shop" already',
    hint: "choose another name: --into NAME",
  });
  expect((await planDatabase({ only: ["postgres/app"], into: "past" })).items).toHaveLength(1);
  expect((await planDatabase({ only: ["postgres/app"] })).items).toHaveLength(1);
});

test("for a moment the plan says of when the copy is that comes back, not what was asked for", async () => {
  const said = await plan({ at: "2026-11-21T11:00:00Z" });
  expect(said).toContain(`snapshot ${idAt(noon - 2 * hour)} from local`);
  expect(said).toContain("of 2026-11-21T10:00:00.000Z,");
  expect(said).not.toContain("11:00");
});

test("one that is interrupted while a store is read is no plan", async () => {
  const { context, local } = stackOf(files);
  await putSnapshot(local, manifest());
  const stop = new AbortController();
  const far = memoryStore({ name: "far" });
  far.list = async function* () {
    // The local store has been read by then.
    await new Promise((resolve) => setTimeout(resolve, 250));
    stop.abort(new Error("interrupted"));
    throw stop.signal.reason;
  };
  const plan = planRestore({ ...context, signal: stop.signal } as Context, { stores: [far], version: "1.0.0" });
  await expect(plan).rejects.toThrow("interrupted");
});

test("that a private key is needed is said before anything is done", async () => {
  expect(await plan({}, "age")).toContain("opened with the private key (--key FILE)");
  expect(await plan({})).not.toContain("key");
});
