import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStores } from "../../../src/operations/backup/stores.ts";
import type { Context } from "../../../src/operations/context.ts";
import { planRestore } from "../../../src/operations/restore/plan.ts";
import type { DataSource } from "../../../src/stack/data-source.ts";
import { backupStack } from "../../support/backup-stack.ts";
import { hour, idAt, manifest, noon, putSnapshot } from "../../support/snapshots.ts";

const files: DataSource = {
  name: "files",
  component: "app",
  service: "app",
  volume: "files",
  kind: "volume",
  consistency: { kind: "live" },
};

async function plan(options: { at?: string }, encryption: "none" | "age" = "none"): Promise<string> {
  const { context, directory } = backupStack({ dataSources: [files] });
  mkdirSync(join(directory, "backups"));
  const [local] = openStores(context, ["local"]);
  if (local === undefined) throw new Error("there is a local store");
  await putSnapshot(local, manifest({ at: noon - 2 * hour, encryption }));
  const found = await planRestore(context as Context, { ...options, version: "1.0.0" });
  return found.plan.steps[0]?.cause ?? "";
}

test("for a moment the plan says of when the copy is that comes back, not what was asked for", async () => {
  const said = await plan({ at: "2026-11-21T11:00:00Z" });
  expect(said).toContain(`snapshot ${idAt(noon - 2 * hour)} from local`);
  expect(said).toContain("of 2026-11-21T10:00:00.000Z,");
  expect(said).not.toContain("11:00");
});

test("that a private key is needed is said before anything is done", async () => {
  expect(await plan({}, "age")).toContain("opened with the private key (--key FILE)");
  expect(await plan({})).not.toContain("key");
});
