import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/minio/index.ts";
import { nameProblem } from "../../../src/components/minio/options.ts";
import { policyOf } from "../../../src/components/minio/policy.ts";
import { planBuckets } from "../../../src/components/object-storage/buckets.ts";
import { plainText, secret } from "../../../src/stack/secret-text.ts";
import { componentUse } from "../../support/component-use.ts";

const _templates = new URL("../../../templates/", import.meta.url);

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], key = "minio") {
  const added = component.contribute(component.options.parse(parse(yaml)), componentUse(key, { usedBy }));
  const service = (name: string) => added.services?.find((candidate) => candidate.name === name);
  const file = (name: string) =>
    added.files?.find((candidate) => candidate.path === `config/${key}/${name}`)?.content ?? "";
  return { ...added, service, file };
}

const optionsOf = (yaml: string) => component.options.safeParse(parse(yaml));

describe("buckets", () => {
  const plan = (buckets: string[] | undefined, ...uses: string[]) => {
    const usedBy = uses.map((text) => {
      const [key = "", part] = text.split("/");
      return part === undefined ? { key } : { key, part };
    });
    const listed = buckets?.map((name) => ({ name, versioning: false, public: false }));
    const { buckets: all, grants, problems } = planBuckets({ buckets: listed }, { key: "minio", usedBy }, nameProblem);
    return {
      all: all.map((bucket) => bucket.name),
      grants: grants.map((grant) => `${grant.app}: ${grant.buckets.join(" ")}`),
      problems: problems.map((problem) => `${problem.message}; ${problem.hint}`),
    };
  };

  test("without a list each app gets its own, or those that it names", () => {
    expect(plan(undefined, "web", "worker/inbox", "worker/out")).toEqual({
      all: ["web", "inbox", "out"],
      grants: ["web: web", "worker: inbox out"],
      problems: [],
    });
  });

  test("with a list an app gets all of it, or those that it names", () => {
    expect(plan(["uploads", "avatars"], "web", "worker/avatars")).toEqual({
      all: ["uploads", "avatars"],
      grants: ["web: uploads avatars", "worker: avatars"],
      problems: [],
    });
  });

  test.each([
    [["uploads"], "web/upload", 'web uses minio/upload, which is not among the buckets; did you mean "uploads"?'],
    [["a-a", "a-a"], "web", 'bucket "a-a" is listed twice; remove one of them'],
    [
      undefined,
      "ui",
      'the bucket for ui cannot be made: expected the name of a bucket: 3 to 63 lower-case letters, digits, "-" and "."; name one in the uses of ui: minio/ui-files',
    ],
  ])("%j and %s", (listed, uses, expected) => {
    expect(plan(listed, uses).problems[0]).toBe(expected);
  });

  test("a policy names the app's own buckets and never all", () => {
    const text = JSON.stringify(policyOf({ buckets: ["uploads", "avatars"] }));
    expect(text.match(/arn:aws:s3:::[^"]*/g)).toEqual([
      "arn:aws:s3:::uploads",
      "arn:aws:s3:::avatars",
      "arn:aws:s3:::uploads/*",
      "arn:aws:s3:::avatars/*",
    ]);
    expect(text).not.toMatch(/s3:\*|admin|"s3:(PutBucket|DeleteBucket|CreateBucket)/);
  });
});

describe("options", () => {
  test("a bucket is a name or a map", () => {
    expect(optionsOf("{ buckets: [uploads, { name: avatars, public: true }] }").data?.buckets).toEqual([
      { name: "uploads", versioning: false, public: false },
      { name: "avatars", versioning: false, public: true },
    ]);
  });

  test.each([
    "{ buckets: [ab] }",
    "{ buckets: [Uploads] }",
    "{ buckets: [minio] }",
    '{ buckets: ["1.2.3.4"] }',
    '{ buckets: ["a..b"] }',
    '{ buckets: ["a b; rm -rf /"] }',
    '{ image: "minio/minio:latest" }',
    '{ host: "https://s3.example.com" }',
    "{ bukets: [uploads] }",
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ limits: { memory: 64m } }").problems).toEqual([
      { path: ["limits", "memory"], message: "object storage needs at least 128 MB of memory" },
    ]);
  });
});

describe("services", () => {
  test("the volume is handed over before the server starts, by what has no network", () => {
    expect(made().service("minio-volume")).toMatchObject({ user: "0:0", networks: [], class: "one-shot" });
    expect(made().service("minio")?.dependsOn).toEqual([
      { service: "minio-volume", condition: "service_completed_successfully" },
    ]);
  });

  test("with a host it is reached from outside, the console is not", () => {
    const { routeNeeds, service, connections } = made("{ host: s3.example.com }");
    expect(routeNeeds).toEqual([
      { service: "minio", host: "s3.example.com", path: "/", port: 9000, uploads: true, at: ["host"] },
    ]);
    expect(service("minio")?.networks).toEqual(["edge", "minio"]);
    expect(plainText(connections?.[0]?.variables.S3_PUBLIC_ENDPOINT ?? [])).toBe("https://s3.example.com");
  });

  test("without a host it stays inside", () => {
    const { routeNeeds, service, connections } = made();
    expect(routeNeeds).toEqual([]);
    expect(service("minio")?.networks).toEqual(["minio"]);
    expect(connections?.[0]?.variables.S3_PUBLIC_ENDPOINT).toBeUndefined();
  });

  test("without a bucket there is nothing to set up", () => {
    const { services, files } = made("{}", []);
    expect(services?.map((service) => service.name)).toEqual(["minio-volume", "minio"]);
    expect(files).toEqual([]);
  });
});

test("the set-up makes what is listed and one key per app", () => {
  const text = made("{ buckets: [uploads, { name: avatars, public: true, versioning: true }] }").file("setup.sh");
  expect(text.split("\n").filter((line) => /^(bucket|access_key) /.test(line))).toEqual([
    "bucket uploads false none",
    "bucket avatars true download",
    "access_key minio-web minio_web /etc/minio/policy-web.json",
  ]);
});

test("an app is told its key, its secret as a reference, and all its buckets", () => {
  const [connection] = made("{ buckets: [uploads, avatars] }").connections ?? [];
  const { S3_SECRET_ACCESS_KEY, AWS_SECRET_ACCESS_KEY, ...plain } = connection?.variables ?? {};
  expect([S3_SECRET_ACCESS_KEY, AWS_SECRET_ACCESS_KEY]).toEqual([[secret("minio_web")], [secret("minio_web")]]);
  expect(Object.fromEntries(Object.entries(plain).map(([name, text]) => [name, plainText(text)]))).toEqual({
    S3_ENDPOINT: "http://minio:9000",
    S3_REGION: "us-east-1",
    S3_ACCESS_KEY_ID: "minio-web",
    S3_BUCKET: "uploads",
    S3_BUCKETS: "uploads,avatars",
    S3_FORCE_PATH_STYLE: "true",
    AWS_ENDPOINT_URL_S3: "http://minio:9000",
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "minio-web",
  });
});

test("in a further component of an app every name has its key in front", () => {
  const [connection] = made("{}", [{ key: "web", further: true }], "archive").connections ?? [];
  expect(Object.keys(connection?.variables ?? {})).toContain("ARCHIVE_S3_BUCKET");
});

test("several of one type share no name", () => {
  const names = (key: string) => {
    const { services = [], volumes = [], networks = [], secrets = [], files = [] } = made("{}", [{ key: "web" }], key);
    return [...services, ...volumes, ...networks, ...secrets]
      .map((item) => item.name)
      .concat(files.map((file) => file.path));
  };
  expect(names("a").filter((name) => names("b").includes(name))).toEqual([]);
});
