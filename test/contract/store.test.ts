import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { localStore } from "../../src/snapshots/local-store.ts";
import { s3Store } from "../../src/snapshots/s3-store.ts";
import { describeWithDocker } from "../support/docker.ts";
import { memoryStore } from "../support/memory-store.ts";
import { type S3Server, silo, startMinio, startVersitygw, versitygw } from "../support/s3-servers.ts";
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

const part = 5 * 1024 ** 2;

await describeWithDocker("MinIO", [silo], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startMinio();
  });
  afterAll(() => server?.stop());
  storeSuite("the suite", async () => ({
    store: s3Store({ ...(await server.bucket("suite")), partSize: part }),
    sizes: [part - 1, part, part + 1, 3 * part, 6 * part + 12_345],
  }));
});

await describeWithDocker("versitygw", [versitygw], () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startVersitygw();
  });
  afterAll(() => server?.stop());
  storeSuite("the suite", async () => ({
    store: s3Store({ ...(await server.bucket("suite")), partSize: part }),
    sizes: [part, part + 1, 3 * part],
  }));
});
