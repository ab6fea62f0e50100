import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/garage/index.ts";
import { plainText, secret } from "../../../src/stack/secret-text.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], parts: Partial<ComponentUse> = {}) {
  const use = componentUse("garage", { usedBy, ...parts });
  const added = component.contribute(component.options.parse(parse(yaml)), use);
  const service = (name: string) => added.services?.find((candidate) => candidate.name === name);
  const file = (name: string) => added.files?.find(({ path }) => path.endsWith(name))?.content ?? "";
  const variables = added.connections?.[0]?.variables ?? {};
  return { ...added, service, file, variables };
}

describe("who opens what", () => {
  test("the set-up makes what is listed, and one key for each app, with its buckets alone", () => {
    const { file } = made("{ buckets: [uploads, avatars, private] }", [
      { key: "web", part: "uploads" },
      { key: "web", part: "avatars" },
      { key: "worker", part: "private" },
    ]);
    expect(
      file("setup.sh")
        .split("\n")
        .filter((line) => /^(bucket|access_key|opens) /.test(line)),
    ).toEqual([
      "bucket uploads",
      "bucket avatars",
      "bucket private",
      "access_key garage-web garage_web",
      "opens uploads avatars",
      "access_key garage-worker garage_worker",
      "opens private",
    ]);
  });

  test("an access key has its secret in it, as a hash: a changed secret is another key, because a key's secret cannot change", () => {
    const { variables } = made();
    expect(variables.S3_ACCESS_KEY_ID).toEqual(["garage-web", "-", secret("garage_web", "sha256")]);
    expect(variables.AWS_ACCESS_KEY_ID).toEqual(variables.S3_ACCESS_KEY_ID);
    expect(variables.S3_SECRET_ACCESS_KEY).toEqual([secret("garage_web")]);
  });

  test("an app is told the same as of any S3 server, with the region that Garage wants", () => {
    const { variables, connections } = made("{ buckets: [uploads] }");
    expect(plainText(variables.S3_ENDPOINT ?? [])).toBe("http://garage:3900");
    expect(plainText(variables.S3_REGION ?? [])).toBe("garage");
    expect(plainText(variables.S3_FORCE_PATH_STYLE ?? [])).toBe("true");
    expect(connections?.[0]?.dependsOn.map(({ service }) => service)).toEqual(["garage", "garage-setup"]);
  });

  test("without buckets there is nothing to set up", () => {
    const { service, file } = made("{}", []);
    expect([service("garage-setup"), file("setup.sh")]).toEqual([undefined, ""]);
  });
});

describe("the server", () => {
  test("listens for S3 and its administrator; nodes would come by the container's own address", () => {
    const { file } = made();
    const addresses = file("garage.toml").match(/^\w+_addr = .*$/gm);
    expect(addresses).toEqual([
      'rpc_bind_addr = "127.0.0.1:3901"',
      'rpc_public_addr = "127.0.0.1:3901"',
      'api_bind_addr = "0.0.0.0:3900"',
      'api_bind_addr = "0.0.0.0:3903"',
    ]);
    expect(file("garage.toml")).toContain("metrics_require_token = true");
  });

  test("holds no more in memory than a quarter of what it may have", () => {
    expect(made("{ limits: { memory: 1g } }").file("garage.toml")).toContain('block_ram_buffer_max = "256MiB"');
    expect(made().file("garage.toml")).toContain('block_ram_buffer_max = "64MiB"');
  });

  test("with a host it is reached from outside, by S3 alone", () => {
    const { routeNeeds, service, variables } = made("{ host: s3.example.com }");
    expect(routeNeeds).toEqual([
      { service: "garage", host: "s3.example.com", path: "/", port: 3900, uploads: true, at: ["host"] },
    ]);
    expect(service("garage")?.networks).toEqual(["edge", "garage"]);
    expect(plainText(variables.S3_PUBLIC_ENDPOINT ?? [])).toBe("https://s3.example.com");
  });

  test("its metrics are read with a token, where the stack is measured", () => {
    expect(made().service("garage")?.networks).toEqual(["garage"]);
    const { service, scrapes } = made("{}", [], { monitored: true });
    expect(service("garage")?.networks).toEqual(["garage", "scrape"]);
    expect(scrapes).toEqual([
      { job: "garage", service: "garage", port: 3903, path: "/metrics", token: "garage_metrics_token" },
    ]);
  });
});

test("a backup is of the objects with a snapshot of their list beside them; a restore empties the list", () => {
  expect(made().dataSources).toEqual([
    {
      name: "garage",
      kind: "volume",
      service: "garage",
      volume: "garage-data",
      consistency: { kind: "exec", before: ["/garage", "meta", "snapshot"] },
      follows: [{ service: "garage", volume: "garage-meta" }],
    },
  ]);
  expect(made().file("garage.toml")).toContain('metadata_snapshots_dir = "/var/lib/garage/data/snapshots"');
});

test("what Garage has not is not asked for: versions, anonymous readers, too little memory", () => {
  const complaints = complaintsOf(stackOf("garage: { buckets: [{ name: media, public: true }, Uploads] }"));
  expect(complaints).toContain("expected the name of a bucket");
  expect(complaintsOf(stackOf("garage: { limits: { memory: 64m } }"))).toContain(
    "Garage needs at least 128 MB of memory",
  );
});

test("beside another S3 server the plain names are those of the first", () => {
  const model = modelOf(stackOf("web: { type: app, image: foo/web:1, uses: [minio, garage] }\nminio: {}\ngarage: {}"));
  const environment = JSON.stringify(model.secrets.find(({ name }) => name === "web.env"));
  expect(environment).toContain('"S3_SECRET_ACCESS_KEY","=",{"secret":"minio_web"');
  expect(environment).toContain('"GARAGE_S3_SECRET_ACCESS_KEY","=",{"secret":"garage_web"');
});

test("several of one type share no name", () => {
  const names = (key: string) => {
    const {
      services = [],
      volumes = [],
      networks = [],
      secrets = [],
      files = [],
    } = component.contribute(component.options.parse({}), componentUse(key, { usedBy: [{ key: "web" }] }));
    return [...services, ...volumes, ...networks, ...secrets]
      .map((item) => item.name)
      .concat(files.map((file) => file.path));
  };
  expect(names("a").filter((name) => names("b").includes(name))).toEqual([]);
});
