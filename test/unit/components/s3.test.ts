import { expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/s3/index.ts";
import { plainText, secret } from "../../../src/stack/secret-text.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

function made(yaml: string, usedBy: ComponentUse["usedBy"] = [{ key: "web" }]) {
  return component.contribute(component.options.parse(parse(yaml)), componentUse("s3", { usedBy }));
}

test("an app is told where the bucket is; its keys are the user's to supply", () => {
  const { connections, secrets } = made("{ endpoint: https://s3.example.com, region: auto, buckets: [media, more] }");
  const [connection] = connections ?? [];
  const { S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, ...plain } =
    connection?.variables ?? {};
  expect([S3_ACCESS_KEY_ID, AWS_ACCESS_KEY_ID]).toEqual([[secret("s3_access_key_id")], [secret("s3_access_key_id")]]);
  expect([S3_SECRET_ACCESS_KEY, AWS_SECRET_ACCESS_KEY]).toEqual([
    [secret("s3_secret_access_key")],
    [secret("s3_secret_access_key")],
  ]);
  expect(Object.fromEntries(Object.entries(plain).map(([name, text]) => [name, plainText(text)]))).toEqual({
    S3_ENDPOINT: "https://s3.example.com",
    S3_REGION: "auto",
    S3_BUCKET: "media",
    S3_BUCKETS: "media,more",
    S3_FORCE_PATH_STYLE: "true",
    AWS_ENDPOINT_URL_S3: "https://s3.example.com",
    AWS_REGION: "auto",
  });
  expect(connection).toMatchObject({ network: "apps", dependsOn: [] });
  expect(secrets?.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
    "s3_access_key_id supplied",
    "s3_secret_access_key supplied",
  ]);
});

test("without an endpoint it is AWS, with the bucket in the host name", () => {
  const [connection] = made("{ region: eu-central-1, buckets: [media] }").connections ?? [];
  expect(plainText(connection?.variables.S3_ENDPOINT ?? [])).toBe("https://s3.eu-central-1.amazonaws.com");
  expect(plainText(connection?.variables.S3_FORCE_PATH_STYLE ?? [])).toBe("false");
});

test("each app can have a key of its own, and each bucket is looked at with the keys that open it", () => {
  const { secrets, externalBuckets } = made("{ buckets: [media, reports], keys: per-app }", [
    { key: "web", part: "media" },
    { key: "worker" },
  ]);
  expect(secrets?.map(({ name }) => name)).toEqual([
    "s3_web_access_key_id",
    "s3_web_secret_access_key",
    "s3_worker_access_key_id",
    "s3_worker_secret_access_key",
  ]);
  expect(externalBuckets?.map(({ bucket, accessKey }) => `${bucket} ${accessKey}`)).toEqual([
    "media s3_web_access_key_id",
    "media s3_worker_access_key_id",
    "reports s3_worker_access_key_id",
  ]);
});

test("nothing of it runs here, and nobody thinks that it is backed up", () => {
  const model = modelOf(stackOf('s3: { buckets: [media] }\nweb: { type: app, image: "foo/web:1", uses: [s3] }'));
  expect(model.services.map(({ name }) => name)).toEqual(["web"]);
  expect(model.dataSources).toEqual([]);
  expect(model.unprotected).toEqual([
    {
      component: "s3",
      name: "s3",
      reason: "its buckets are elsewhere (s3.us-east-1.amazonaws.com): versions and copies are switched on there",
    },
  ]);
});

test("an app that uses this and MinIO finds the second one under its key", () => {
  const model = modelOf(
    stackOf('s3: { buckets: [media] }\nminio: {}\nweb: { type: app, image: "foo/web:1", uses: [s3, minio] }'),
  );
  const env = model.services.find(({ name }) => name === "web")?.environment ?? {};
  expect([env.S3_BUCKET, env.MINIO_S3_BUCKET]).toEqual(["media", "web"]);
});

test.each([
  ["{ buckets: [] }", "expected at least one bucket"],
  [
    "{ buckets: [media], endpoint: s3.example.com }",
    "expected an address such as https://s3.example.com, without a path",
  ],
  ["{ buckets: [media], endpoint: https://s3.example.com/media }", "without a path"],
  ["{ buckets: [Media] }", "expected the name of a bucket"],
])("%s", (section, message) => {
  expect(complaintsOf(stackOf(`s3: ${section}`))).toContain(message);
});
