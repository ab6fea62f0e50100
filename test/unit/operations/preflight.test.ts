import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  checkArchitecture,
  checkCompose,
  checkDisk,
  checkEngine,
  checkHostNeeds,
  checkMemory,
  checkSource,
  refuseFailures,
} from "../../../src/operations/preflight.ts";
import { checkPorts, type Listener, listenersIn } from "../../../src/operations/preflight-ports.ts";
import { checkProcessor } from "../../../src/operations/preflight-processor.ts";
import { checkSecrets } from "../../../src/operations/preflight-secrets.ts";
import { isAtLeast } from "../../../src/operations/start-versions.ts";
import type { SecretFile } from "../../../src/stack/model.ts";
import type { PublishedPort } from "../../../src/stack/service.ts";
import { smallService } from "../../support/scenario.ts";

const GB = 1024 ** 3;
const text = ({ level, id, message }: { level: string; id: string; message: string }) => `${level} ${id}: ${message}`;

test.each([
  ["28.5.0", "25.0", true],
  ["25.0.0", "25.0", true],
  ["24.0.9", "25.0", false],
  ["20.10.24+dfsg1", "20.10", true],
  ["19.03.15", "20.10", false],
  ["2.40.3-3", "2.30", true],
  ["v5.5.1", "2.30", true],
  ["2.9.0", "2.30", false],
])("%s is at least %s: %s", (version, least, expected) => {
  expect(isAtLeast(version, least)).toBe(expected);
});

describe("engine and Compose", () => {
  test.each([
    ["19.3.1", "fail engine-old"],
    ["20.10.24", "warn engine-dated"],
    ["26.1.5+dfsg1", "ok engine"],
  ])("engine %s", (version, expected) => {
    expect(text(checkEngine({ version }))).toContain(expected);
  });

  test.each([
    [undefined, "fail compose-missing"],
    ["2.26.1", "fail compose-old: Docker Compose 2.26.1 is too old: files of this stack need 2.30"],
    ["2.40.3-3", "ok compose"],
  ])("Compose %s", (version, expected) => {
    expect(text(checkCompose(version))).toContain(expected);
  });
});

test("an image for another machine is refused, one that can be emulated is slow, one that is not there is no matter", () => {
  const wanted = [
    { name: "a", image: "a:1" },
    { name: "b", image: "b:1" },
    { name: "c", image: "c:1" },
    { name: "d", image: "d:1" },
  ];
  const images = new Map([
    ["a:1", { id: "1", architecture: "amd64" }],
    ["b:1", { id: "2", architecture: "arm64" }],
    ["c:1", { id: "3", architecture: "s390x" }],
    ["d:1", undefined],
  ]);
  const found = checkArchitecture({ architecture: "amd64" }, wanted, images, (name) => name === "s390x");
  expect(found.map(text)).toEqual([
    "fail image-architecture: The image of b (b:1) is for arm64, this machine is amd64",
    "warn image-emulated: The image of c (c:1) is for s390x, this machine is amd64: it runs slowly",
  ]);
});

test("memory counts every replica of what lasts", () => {
  const services = [
    smallService("a", { limits: { cpus: 1, memory: 3 * GB, pids: 1 }, replicas: 2 }),
    smallService("init", { class: "one-shot", limits: { cpus: 1, memory: 9 * GB, pids: 1 } }),
  ];
  expect(text(checkMemory({ services }, { memory: 8 * GB }))).toBe("ok memory: 6 GB of 8 GB memory allotted");
  expect(text(checkMemory({ services }, { memory: 4 * GB }))).toBe(
    "fail memory-limits: The services may use 6 GB of memory together, this host has 4 GB",
  );
  expect(text(checkMemory({ services }, { memory: 4 * GB }, true))).toContain("warn memory-limits");
});

test.each([
  [undefined, 3, "ok disk"],
  [0.25 * GB, 0, "fail disk-full: Only 256 MB are free on the engine's disk"],
  [1.5 * GB, 0, "ok disk"],
  [1.5 * GB, 2, "warn disk-short: Only 1.5 GB are free on the engine's disk, and 2 images are to be pulled"],
])("disk with %s free and %i images to pull", (free, missing, expected) => {
  expect(text(checkDisk(free, missing))).toContain(expected);
});

const host = (memory: number) => ({ memory, architecture: "amd64" });

test("a processor that lacks what a server was built for is told before the server dies of it", () => {
  const need = {
    component: "mongodb",
    processor: ["avx"],
    architecture: "amd64" as const,
    reason: "MongoDB ends at once without it",
    hint: "choose another machine",
    advisory: false,
  };
  const found = (cpuinfo: string | undefined, architecture = "amd64") => checkProcessor(need, architecture, cpuinfo);
  const without = "processor : 0\nflags\t\t: fpu sse4_2 avxless\n";
  expect(found(without)).toEqual({
    id: "processor",
    level: "fail",
    message: "The processor of this machine has no avx, mongodb needs it: MongoDB ends at once without it",
    hint: "choose another machine",
  });
  expect(found(without.replace("avxless", "avx avx2")).level).toBe("ok");
  // Another architecture, or nothing to be seen from here (an engine in a virtual machine).
  expect([found(without, "arm64").level, found(undefined).level]).toEqual(["ok", "ok"]);
  expect(checkProcessor({ ...need, advisory: true }, "amd64", without).level).toBe("warn");
});

test("a setting of the host is needed, wished for, or fine", () => {
  const need = { component: "redis", sysctl: "vm.overcommit_memory", minimum: 1, reason: "forks copy", advisory: true };
  const level = (value: number | undefined, advisory: boolean) =>
    checkHostNeeds([{ ...need, advisory }], host(GB), () => value).map(({ level }) => level);
  expect([level(1, false), level(undefined, false), level(0, true), level(0, false)]).toEqual([
    ["ok"],
    ["ok"],
    ["warn"],
    ["fail"],
  ]);
  expect(checkHostNeeds([need], host(GB), () => 0)[0]).toMatchObject({
    message: "vm.overcommit_memory is 0, redis would like 1: forks copy",
    hint: expect.stringContaining("vm.overcommit_memory=1"),
  });
});

test("a component that needs a large host is refused on a small one, unless it was forced", () => {
  const need = { component: "elk", memory: 8 * GB, hint: "use loki", reason: "three Java servers" };
  const found = (memory: number, advisory: boolean) =>
    checkHostNeeds([{ ...need, advisory }], host(memory), () => 0)[0];
  expect(found(4 * GB, false)).toEqual({
    id: "host-small",
    level: "fail",
    message: "This host has 4 GB of memory, elk needs 8 GB: three Java servers",
    hint: "use loki",
  });
  expect(found(4 * GB, true)).toMatchObject({ level: "warn", message: expect.stringContaining("elk would like 8 GB") });
  // What a machine sold with 8 GB shows, and one with a gigabyte less.
  expect([found(7.6 * GB, false)?.level, found(7 * GB, false)?.level]).toEqual(["ok", "fail"]);
});

test("an edit of stack.yaml since the last generate is noticed", () => {
  const source = createHash("sha256").update("name: shop\n").digest("hex");
  expect(checkSource({ source }, "name: shop\n").level).toBe("ok");
  expect(checkSource({ source }, "name: shop2\n")).toMatchObject({ level: "warn", hint: "./prod.sh generate" });
  expect(checkSource({ source: "" }, "name: shop2\n").level).toBe("ok");
});

describe("published ports", () => {
  const port = (host: string, published: number, protocol: "tcp" | "udp" = "tcp"): PublishedPort => ({
    host,
    published,
    target: 80,
    protocol,
  });
  const model = (...ports: PublishedPort[]) => ({ name: "shop", services: [smallService("traefik", { ports })] });
  const nginx: Listener = { address: "0.0.0.0", port: 80, protocol: "tcp", inode: "7" };
  const owner = () => "nginx (process 812)";
  const taken = { host: "0.0.0.0", port: 80, protocol: "tcp" as const, container: "web-1" };

  test("free", () => {
    expect(checkPorts(model(port("0.0.0.0", 80)), [], [], owner).map(text)).toEqual([
      "ok ports: ports free or this stack's own: 80",
    ]);
  });

  test("held by this stack's own container", () => {
    expect(
      checkPorts(model(port("0.0.0.0", 80)), [{ ...taken, project: "shop" }], [nginx], owner).map(({ level }) => level),
    ).toEqual(["ok"]);
  });

  test("held by another project, by a lone container, by a process, by nobody who can be seen", () => {
    const told = (...args: Parameters<typeof checkPorts>) => checkPorts(...args).map(({ message }) => message);
    const web = model(port("0.0.0.0", 80));
    expect(told(web, [{ ...taken, project: "blog" }], [], owner)).toEqual([
      "Port 80, which traefik needs, is taken by the container web-1 of the project blog",
    ]);
    expect(told(web, [taken], [], owner)).toEqual(["Port 80, which traefik needs, is taken by the container web-1"]);
    expect(told(web, [], [nginx], owner)).toEqual([
      "Port 80, which traefik needs, is taken by the process nginx (process 812)",
    ]);
    expect(told(web, [], [nginx], () => undefined)).toEqual([
      "Port 80, which traefik needs, is taken by a process of another user",
    ]);
  });

  test.each([
    ["0.0.0.0", "127.0.0.1", true],
    ["0.0.0.0", "::", true],
    ["0.0.0.0", "::1", false],
    ["127.0.0.1", "0.0.0.0", true],
    ["127.0.0.1", "::", true],
    ["127.0.0.1", "10.0.0.1", false],
    ["127.0.0.1", "127.0.0.1", true],
    ["::", "0.0.0.0", true],
  ])("wanted on %s, held on %s: clash %s", (host, address, clash) => {
    const [finding] = checkPorts(model(port(host, 80)), [], [{ ...nginx, address }], owner);
    expect(finding?.level).toBe(clash ? "fail" : "ok");
  });

  test("tcp and udp are different ports", () => {
    expect(checkPorts(model(port("0.0.0.0", 80, "udp")), [], [nginx], owner)[0]?.level).toBe("ok");
  });

  test("listeners are read from the kernel's table, with their inode", () => {
    const line = "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48213 1";
    expect(listenersIn(`header\n${line}\n${line.replace(" 0A ", " 01 ")}`, "tcp", "0A")).toEqual([
      { address: "127.0.0.1", port: 3000, protocol: "tcp", inode: "48213" },
    ]);
  });
});

describe("secrets", () => {
  const secret = (name: string): SecretFile => ({
    name,
    about: `the ${name}`,
    mode: 0o444,
    kind: "random",
    encoding: "hex",
  });
  function folder(files: Record<string, [content: string, mode: number]>): string {
    const directory = mkdtempSync(join(tmpdir(), "secrets-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    mkdirSync(join(directory, "secrets"));
    for (const [name, [content, mode]] of Object.entries(files)) {
      writeFileSync(join(directory, "secrets", name), content, { mode });
    }
    return directory;
  }

  test("there, with content, readable", () => {
    const found = checkSecrets({ secrets: [secret("a")], services: [] }, folder({ a: ["x", 0o444] }));
    expect(found.map(text)).toEqual(["ok secrets: 1 secrets are there"]);
  });

  test("one that a service may not read is told with mode, owner and user", () => {
    const services = [smallService("web", { secrets: ["a"], user: "70:70" }), smallService("other")];
    const found = checkSecrets({ secrets: [secret("a")], services }, folder({ a: ["x", 0o600] }));
    expect(found.map(text)).toEqual([
      `warn secret-shut: secrets/a has mode 600 and owner ${process.getuid?.()}: web (user 70:70) cannot read it`,
    ]);
  });

  test("a file that is made of others is not told of while one of those is missing", () => {
    const composed: SecretFile = { name: "url", about: "URL", mode: 0o444, kind: "composed", content: ["x"] };
    const secrets = [secret("a"), composed];
    expect(checkSecrets({ secrets, services: [] }, folder({})).map(text)).toEqual([
      "fail secret-missing: secrets/a is missing (the a)",
    ]);
    expect(checkSecrets({ secrets, services: [] }, folder({ a: ["x", 0o444] })).map(text)).toEqual([
      "fail secret-missing: secrets/url is missing (URL)",
    ]);
  });

  test("without what only backups need the stack starts", () => {
    const keys: SecretFile = { name: "offsite_s3", about: "keys", mode: 0o600, kind: "supplied", for: "backup" };
    const found = checkSecrets({ secrets: [keys], services: [] }, folder({}));
    expect(found.map(text)).toEqual(["warn secret-missing: secrets/offsite_s3 is missing (keys)"]);
    expect(found[0]?.hint).toContain("install -m 600 /dev/stdin secrets/offsite_s3");
    expect(() => refuseFailures(found)).not.toThrow();
  });

  test("a certificate needs its key too", () => {
    const certificate: SecretFile = {
      name: "tls.crt",
      about: "certificate",
      mode: 0o444,
      kind: "certificate",
      hosts: ["a"],
      keyName: "tls.key",
      authorityName: "ca",
    };
    const found = checkSecrets({ secrets: [certificate], services: [] }, folder({ "tls.crt": ["x", 0o444] }));
    expect(found.map(text)).toEqual(["fail secret-missing: secrets/tls.key is missing (certificate)"]);
  });
});

describe("all failures in one error", () => {
  test("one is the error itself", () => {
    expect(() =>
      refuseFailures([{ id: "port-taken", level: "fail", message: "Port 80 is taken", hint: "stop it" }]),
    ).toThrow("Port 80 is taken");
  });

  test("several stand in a list; a missing secret decides the exit code", () => {
    const findings = [
      { id: "port-taken", level: "fail" as const, message: "Port 80 is taken" },
      { id: "x", level: "warn" as const, message: "never mind" },
      { id: "secret-missing", level: "fail" as const, message: "secrets/a is missing", exit: "secret" as const },
    ];
    const thrown = (() => {
      try {
        refuseFailures(findings);
      } catch (error) {
        return error;
      }
      return undefined;
    })();
    expect(thrown).toMatchObject({
      exit: "secret",
      message: "2 things keep the stack from starting; nothing was changed",
      problems: [{ message: "Port 80 is taken" }, { message: "secrets/a is missing" }],
    });
  });

  test("warnings refuse nothing", () => {
    refuseFailures([{ id: "x", level: "warn", message: "never mind" }]);
  });
});
