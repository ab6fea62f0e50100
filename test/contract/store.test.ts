import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { localStore } from "../../src/snapshots/local-store.ts";
import { memoryStore } from "../support/memory-store.ts";
import { storeSuite } from "./store-suite.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "store-"));
  folders.push(folder);
  return folder;
}

storeSuite("memory", async () => ({ store: memoryStore(), sizes: [1_048_576] }));

storeSuite("folder", async () => ({
  store: localStore(temporaryFolder()),
  sizes: [1_048_575, 1_048_576, 1_048_577, 5_000_000],
}));
