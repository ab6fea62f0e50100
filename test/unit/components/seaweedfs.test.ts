import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/seaweedfs/index.ts";
import { plainText, secret } from "../../../src/stack/secret-text.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], parts: Partial<ComponentUse> = {}) {
  const use = componentUse("seaweedfs", { usedBy, ...parts });
  const added = component.contribute(component.options.parse(parse(yaml)), use);
  const service = (name: string) => added.services?.find((candidate) => candidate.name === name);
  const setup = added.files?.find(({ path }) => path.endsWith("setup.sh"))?.content ?? "";
  /** The file with the identities, with each secret as its name. */
  const identities = () => {
    const file = added.secrets?.find(({ kind }) => kind === "composed");
    const text = file?.kind === "composed" ? file.content : [];
    return JSON.parse(text.map((part) => (typeof part === "string" ? part : `<${part.secret}>`)).join(""));
  };
  return { ...added, service, setup, identities };
}

describe("who may do what", () => {
  test("an app does everything with objects of its buckets, and nothing else", () => {
    const { identities } = made("{ buckets: [uploads, avatars, private] }", [
      { key: "web", part: "uploads" },
      { key: "worker", part: "private" },
    ]);
    expect(identities().identities).toEqual([
      {
        name: "administrator",
        credentials: [{ accessKey: "<seaweedfs_admin_access_key>", secretKey: "<seaweedfs_admin_secret_key>" }],
        actions: ["Admin"],
      },
      {
        name: "web",
        credentials: [{ accessKey: "seaweedfs-web", secretKey: "<seaweedfs_web>" }],
        actions: ["Read:uploads", "Write:uploads", "List:uploads", "Tagging:uploads"],
      },
      {
        name: "worker",
        credentials: [{ accessKey: "seaweedfs-worker", secretKey: "<seaweedfs_worker>" }],
        actions: ["Read:private", "Write:private", "List:private", "Tagging:private"],
      },
    ]);
  });

  test("anybody reads a public bucket, and only reads", () => {
    const { identities } = made("{ buckets: [uploads, { name: avatars, public: true }] }");
    expect(identities().identities.at(-1)).toEqual({ name: "anonymous", actions: ["Read:avatars"] });
  });

  test("without an app there is still an administrator: with nobody in the list everybody could do everything", () => {
    expect(made("{}", []).identities().identities).toHaveLength(1);
  });

  test("the server is made anew when there are other keys or other rights, because it reads them once", () => {
    const known = (yaml: string, ...apps: string[]) =>
      made(
        yaml,
        apps.map((key) => ({ key })),
      ).service("seaweedfs")?.environment?.STACK_ACCESS_KEYS;
    expect(known("{ buckets: [a-1] }", "web")).toBe("seaweedfs-web: a-1");
    expect(known("{ buckets: [a-1, { name: b-1, public: true }] }", "web", "worker")).toBe(
      "seaweedfs-web: a-1 b-1; seaweedfs-worker: a-1 b-1; anybody: b-1",
    );
  });
});

describe("what listens", () => {
  test("only the S3 server does so beyond the container, and its other port wants a certificate", () => {
    const { command, environment } = made().service("seaweedfs") ?? {};
    expect(command?.filter((word) => /ip|bind/.test(word))).toEqual([
      "-ip=127.0.0.1",
      "-ip.bind=127.0.0.1",
      "-s3.ip.bind=0.0.0.0",
    ]);
    expect(command).toContain("-s3.port.iceberg=0");
    expect(command).toContain("-s3.port.lance=0");
    expect(environment).toMatchObject({
      WEED_GRPC_CA: "/run/secrets/seaweedfs_ca.crt",
      WEED_GRPC_S3_CERT: "/run/secrets/seaweedfs.crt",
      WEED_GRPC_S3_KEY: "/run/secrets/seaweedfs.key",
      WEED_GRPC_S3_ALLOWED_COMMONNAMES: "nobody",
    });
  });

  test("with a host it is reached from outside", () => {
    const { routeNeeds, service, connections } = made("{ host: s3.example.com }");
    expect(routeNeeds).toEqual([
      { service: "seaweedfs", host: "s3.example.com", path: "/", port: 8333, uploads: true, at: ["host"] },
    ]);
    expect(service("seaweedfs")?.networks).toEqual(["edge", "seaweedfs"]);
    expect(plainText(connections?.[0]?.variables.S3_PUBLIC_ENDPOINT ?? [])).toBe("https://s3.example.com");
  });

  test("its metrics are read where the stack is measured", () => {
    expect(made("{}", [], { monitored: true }).service("seaweedfs")?.networks).toEqual(["seaweedfs", "scrape"]);
  });

  test("its certificate is not taken for that of the stack's routes", () => {
    const model = modelOf(
      stackOf('seaweedfs: {}\ntraefik: {}\nweb: { type: app, image: "foo/web:1", port: 80, routes: [shop.localhost] }'),
    );
    const certificates = model.secrets.filter(({ kind }) => kind === "certificate");
    expect(certificates.map((file) => (file.kind === "certificate" ? file.hosts : []))).toEqual([
      ["seaweedfs"],
      ["shop.localhost"],
    ]);
  });
});

test("the set-up makes what is listed, and tries each key", () => {
  const { setup } = made("{ buckets: [uploads, { name: avatars, versioning: true }] }");
  expect(setup.split("\n").filter((line) => /^(bucket|knows) /.test(line))).toEqual([
    "bucket uploads Suspended",
    "bucket avatars Enabled",
    'knows seaweedfs-web "$(secret seaweedfs_web)" uploads',
  ]);
});

test("uploads wait before they take the memory that the server needs to live", () => {
  const limit = (yaml: string) =>
    made(yaml)
      .service("seaweedfs")
      ?.command?.find((word) => word.includes("UploadLimit"));
  expect(limit("{ limits: { memory: 512m } }")).toBe("-s3.concurrentUploadLimitMB=32");
  expect(limit("{ limits: { memory: 2g } }")).toBe("-s3.concurrentUploadLimitMB=128");
});

test("status asks the server itself, whatever buckets there are", () => {
  for (const added of [made(), made("{}", [])]) {
    expect(added.inspections).toEqual([{ services: ["seaweedfs"], command: ["sh", "/etc/seaweedfs/inspect.sh"] }]);
    expect(added.files?.map(({ path }) => path)).toContain("config/seaweedfs/inspect.sh");
  }
});

test("an app is told the same as of any S3 server", () => {
  const [connection] = made("{ buckets: [uploads] }").connections ?? [];
  expect(plainText(connection?.variables.S3_ENDPOINT ?? [])).toBe("http://seaweedfs:8333");
  expect(connection?.variables.S3_SECRET_ACCESS_KEY).toEqual([secret("seaweedfs_web")]);
  expect(connection?.dependsOn.map(({ service }) => service)).toEqual(["seaweedfs", "seaweedfs-setup"]);
});

test("too little memory and wrong names are told", () => {
  expect(complaintsOf(stackOf("seaweedfs: { limits: { memory: 384m } }"))).toContain(
    "SeaweedFS needs at least 512 MB of memory",
  );
  expect(complaintsOf(stackOf("seaweedfs: { buckets: [Uploads] }"))).toContain("expected the name of a bucket");
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
