import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStores } from "../../../../src/operations/backup/stores.ts";
import { silentProgress } from "../../../../src/operations/progress.ts";
import { backupStack } from "../../../support/backup-stack.ts";
import { backupSettings } from "../../../support/models.ts";

test("a destination where nobody listens is told of at the first try, and once", async () => {
  const nas = { name: "nas", bucket: "copies", prefix: "shop/", endpoint: "http://127.0.0.1:1", credentials: "nas_s3" };
  const { context, directory } = backupStack({ backup: backupSettings({ destinations: [nas as never] }) });
  writeFileSync(join(directory, "secrets/nas_s3"), "id\nsecret\n");
  const lines: string[] = [];
  const stop = new AbortController();
  const line = (text: string) => {
    lines.push(text);
    // Time for a second try, which fails as the first one.
    setTimeout(() => stop.abort(new Error("enough")), 1_200);
  };
  const [store] = openStores({ ...context, progress: { ...silentProgress, line } }, ["nas"]);
  const read = async () => {
    for await (const _ of store?.list("", stop.signal) ?? []) throw new Error("nobody listens there");
  };
  await expect(read()).rejects.toThrow("enough");
  expect(lines).toEqual(["nas: nothing listens there (127.0.0.1:1); trying again, up to 8 times"]);
});
