import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { lookAtBuckets } from "../../src/operations/status-buckets.ts";
import type { ExternalBucket } from "../../src/stack/model.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type S3Server, silo, startMinio } from "../support/s3-servers.ts";

await describeWithDocker("buckets elsewhere", [silo], () => {
  let server: S3Server;
  let directory: string;
  const place = (more: Partial<ExternalBucket> = {}): ExternalBucket => ({
    component: "s3",
    bucket: "media",
    endpoint: server.endpoint,
    region: "us-east-1",
    pathStyle: true,
    accessKey: "s3_access_key_id",
    secretKey: "s3_secret_access_key",
    ...more,
  });
  const look = (...externalBuckets: ExternalBucket[]) => lookAtBuckets(directory, { externalBuckets });

  beforeAll(async () => {
    server = await startMinio();
    await server.bucket("media");
    directory = mkdtempSync(join(tmpdir(), "external-"));
    mkdirSync(join(directory, "secrets"));
    writeFileSync(join(directory, "secrets", "s3_access_key_id"), `${server.accessKeyId}\n`);
    writeFileSync(join(directory, "secrets", "s3_secret_access_key"), `${server.secretAccessKey}\n`);
    writeFileSync(join(directory, "secrets", "wrong"), "not-the-key\n");
  });
  afterAll(() => {
    server?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
  });

  test("one that opens is a fact", async () => {
    expect(await look(place())).toEqual({
      facts: [{ component: "s3", facts: { buckets: "1 of 1 open" } }],
      problems: [],
    });
  });

  test("what does not open is told with what to do, and without the key", async () => {
    const { facts, problems } = await look(
      place(),
      place({ secretKey: "wrong" }),
      place({ bucket: "nothing-here" }),
      place({ endpoint: "http://127.0.0.1:9" }),
      place({ accessKey: "missing" }),
    );
    expect(facts).toEqual([{ component: "s3", facts: { buckets: "1 of 5 open" } }]);
    expect(problems).toHaveLength(4);
    expect(problems[0]).toMatchObject({
      subject: "s3",
      hint: "write the right keys to secrets/s3_access_key_id and secrets/wrong, then ./prod.sh start",
    });
    expect(problems.map(({ message }) => message).join("\n")).toMatch(
      /^bucket media: .*\nbucket nothing-here: .*\nbucket media: .*127\.0\.0\.1:9.*\nbucket media: .*missing/,
    );
    expect(JSON.stringify(problems)).not.toContain("not-the-key");
  });
});
