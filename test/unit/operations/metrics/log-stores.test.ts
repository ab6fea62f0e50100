import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { logStoreSizes } from "../../../../src/operations/metrics/log-stores.ts";
import { fakeEngine } from "../../../support/fake-engine.ts";
import { model, service } from "../../../support/models.ts";

const minute = 60_000;
const now = 100 * minute;
const mounts = [{ kind: "volume" as const, volume: "logs", target: "/loki", readOnly: false }];
const shop = model([service("loki", { group: "logging", mounts }), service("db", { group: "data" })], {
  volumes: [
    { name: "logs", component: "loki", about: "" },
    { name: "db-data", component: "db", about: "" },
  ],
});

function engineWith(mountpoint: string) {
  const engine = fakeEngine();
  for (const name of ["shop_logs", "shop_db-data"])
    engine.madeVolumes.set(name, { name, driver: "local", mountpoint, options: {}, labels: {}, changedAt: 0 });
  return engine;
}

test("a log store's files are added up, folders and all; no other volume is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "log-store-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "chunks/deep"), { recursive: true });
  writeFileSync(join(folder, "index"), "x".repeat(8_192));
  writeFileSync(join(folder, "chunks/deep/one"), "x".repeat(100_000));
  const engine = engineWith(folder);
  const { at, bytes } = await logStoreSizes({ engine, model: shop, now }, [], undefined);
  expect([at, Object.keys(bytes)]).toEqual([now, ["loki"]]);
  expect(bytes.loki).toBeGreaterThanOrEqual(108_192);
  expect(bytes.loki).toBeLessThan(140_000);
});

test("where the folder cannot be read its container is asked", async () => {
  const engine = engineWith("/no/such/folder");
  const asked: string[] = [];
  const run = (command: readonly string[]) => {
    asked.push(command.join(" "));
    return { exitCode: 0, stdout: "7\t/loki\n", stderr: "" };
  };
  engine.add({ service: "loki", run });
  const { containers } = await engine.observe("shop");
  expect((await logStoreSizes({ engine, model: shop, now }, containers, undefined)).bytes).toEqual({ loki: 7_168 });
  expect(asked).toEqual(["du -sk /loki"]);
  engine.exec = () => Promise.reject(new Error("no such program"));
  expect((await logStoreSizes({ engine, model: shop, now }, containers, undefined)).bytes).toEqual({});
});

test("it is measured every quarter of an hour", async () => {
  const engine = engineWith("/no/such/folder");
  const before = (ago: number) => ({ at: now - ago, bytes: { loki: 5 } });
  const ask = async (ago: number) => (await logStoreSizes({ engine, model: shop, now }, [], before(ago))).bytes;
  expect(await ask(14 * minute)).toEqual({ loki: 5 });
  expect(await ask(15 * minute)).toEqual({});
  expect(await ask(-minute)).toEqual({});
});
