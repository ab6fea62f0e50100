import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Script } from "node:vm";
import { describe, expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/mongodb/index.ts";
import { cacheSize, mostConnections } from "../../../src/components/mongodb/settings.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";
import { documentedFlags, documentedOptions } from "./mongodb-settings.ts";

const megabyte = 1024 ** 2;

/** What the component adds with these options, as in stack.yaml. */
function made(
  yaml = "{}",
  usedBy: ComponentUse["usedBy"] = [{ key: "web" }],
  more: Partial<ComponentUse> = {},
  key = "mongodb",
) {
  const added = component.contribute(component.options.parse(parse(yaml)), componentUse(key, { usedBy, ...more }));
  const service = (name: string) => added.services?.find((candidate) => candidate.name === name);
  const file = (name: string) => added.files?.find(({ path }) => path === `config/${key}/${name}`)?.content ?? "";
  return { ...added, service, file };
}

const optionsOf = (yaml: string) => component.options.safeParse(parse(yaml));

/** Text with names in place of secrets. */
const shown = (text: readonly (string | { secret: string })[] = []) =>
  text.map((part) => (typeof part === "string" ? part : `<${part.secret}>`)).join("");

/** Dotted names of the settings in a mongod.conf. */
function settingsIn(text: string): [string, unknown][] {
  const flat = (value: unknown, path: string): [string, unknown][] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, inner]) => flat(inner, path === "" ? name : `${path}.${name}`))
      : [[path, value]];
  return flat(parse(text), "");
}

describe("mongod.conf", () => {
  test("has documented settings alone, with values of their kind", () => {
    const settings = settingsIn(made("{ settings: { notablescan: true } }").file("mongod.conf"));
    const wrong = settings.filter(([name, value]) => {
      if (name.startsWith("setParameter.")) return false;
      const kind = documentedOptions[name];
      if (kind === undefined) return true;
      return typeof kind === "string"
        ? (kind === "text" ? "string" : kind) !== typeof value
        : !kind.includes(String(value));
    });
    expect(wrong).toEqual([]);
    expect(settings.length).toBeGreaterThan(10);
  });

  test("asks everybody for a password, and is a set of one", () => {
    expect(Object.fromEntries(settingsIn(made().file("mongod.conf")))).toMatchObject({
      "security.authorization": "enabled",
      "security.keyFile": "/tmp/key",
      "replication.replSetName": "rs0",
      "replication.oplogSizeMB": 1024,
      "operationProfiling.mode": "off",
    });
  });

  test.each([
    [512, 0.25, 128],
    [1024, 0.25, 256],
    [2048, 0.5, 512],
    [8192, 3.5, 2048],
    [65_536, 31.5, 5000],
  ])("%i MB: a cache of %d GB, %i connections", (memory, cache, connections) => {
    expect(cacheSize(memory * megabyte) / 1024 ** 3).toBe(cache);
    expect(mostConnections(memory * megabyte)).toBe(connections);
    const { file, service } = made(`{ limits: { memory: ${memory}m } }`);
    expect(file("mongod.conf")).toContain(`cacheSizeGB: ${cache.toFixed(2)}\n`);
    expect(service("mongodb")?.limits.pids).toBeGreaterThan(connections);
  });

  test("own parameters keep their kind", () => {
    const { file } = made("{ settings: { transactionLifetimeLimitSeconds: 120, tlsMode: off, a: 'yes' } }");
    expect(parse(file("mongod.conf"))).toMatchObject({
      setParameter: { transactionLifetimeLimitSeconds: 120, tlsMode: "off", a: "yes" },
    });
  });
});

describe("options", () => {
  test.each(["7", "7.0", '"7.0"', "{ version: 7 }", '{ version: "7.0" }'])("%s is MongoDB 7.0", (yaml) => {
    expect(optionsOf(yaml).data?.version).toBe("7.0");
  });

  test("left out it is 8.0", () => {
    expect(made().service("mongodb")?.image).toBe("mongo:8.0.29");
    expect(made("7.0").service("mongodb")?.image).toBe("mongo:7.0.40");
  });

  test.each([
    "6.0",
    "{ version: 8.2 }",
    "{ oplog: 500m }",
    "{ settings: { enableLocalhostAuthBypass: true } }",
    '{ settings: { "a b": 1 } }',
    '{ settings: { a: "x\\nsecurity:" } }',
    "{ databases: [a] }",
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ limits: { memory: 256m } }").problems).toEqual([
      { path: ["limits", "memory"], message: "MongoDB needs at least 512 MB of memory" },
    ]);
  });

  test.each(["admin", "local", "config"])("the database %s is MongoDB's own", (part) => {
    expect(
      complaintsOf(
        stackOf(`
web: { type: app, image: "you/web:1", uses: [mongodb/${part}] }
mongodb: {}`),
      ),
    ).toContain(`"${part}" is MongoDB's own database`);
  });
});

describe("users", () => {
  const users = (text: string): unknown[] =>
    [...text.matchAll(/^ {2}(\{"name".*\}),$/gm)].map(([, json = ""]) => JSON.parse(json));

  test("one login per app and database, which reads and writes there alone", () => {
    const setup = made("{}", [{ key: "web" }, { key: "web", part: "orders" }, { key: "worker", part: "orders" }]);
    expect(users(setup.file("setup.js"))).toEqual([
      { name: "web", secret: "mongodb_web", roles: [{ role: "readWrite", db: "web" }] },
      { name: "web.orders", secret: "mongodb_web.orders", roles: [{ role: "readWrite", db: "orders" }] },
      { name: "worker.orders", secret: "mongodb_worker.orders", roles: [{ role: "readWrite", db: "orders" }] },
    ]);
    expect(setup.service("mongodb-setup")?.secrets).toEqual([
      "mongodb_stack_admin",
      "mongodb_web",
      "mongodb_web.orders",
      "mongodb_worker.orders",
    ]);
  });

  test("the exporter's reads states and no database of an app", () => {
    const [, monitor] = users(made("{}", undefined, { monitored: true }).file("setup.js"));
    expect(monitor).toEqual({
      name: "stack_monitor",
      secret: "mongodb_stack_monitor",
      roles: [
        { role: "clusterMonitor", db: "admin" },
        { role: "read", db: "local" },
      ],
    });
  });

  test("a new app does not touch what the server runs with", () => {
    const mounted = (usedBy: ComponentUse["usedBy"]) => {
      const { service, files } = made("{}", usedBy);
      const sources = service("mongodb")?.mounts?.flatMap((mount) => (mount.kind === "bind" ? [mount.source] : []));
      return files?.filter(({ path }) => sources?.includes(path)).map(({ content }) => content);
    };
    expect(mounted([{ key: "web" }, { key: "worker" }])).toEqual(mounted([{ key: "web" }]));
    expect(mounted([])).toHaveLength(7);
  });
});

describe("connections", () => {
  test("the first is plain, a further one has its database in front, another server's its key", () => {
    const uses = [{ key: "web" }, { key: "web", part: "orders" }, { key: "late", further: true as const }];
    const [first, second, third] = made("{}", uses).connections ?? [];
    expect(shown(first?.variables.MONGODB_URL)).toBe(
      "mongodb://web:<mongodb_web>@mongodb:27017/web?authSource=admin&directConnection=true",
    );
    expect(shown(second?.variables.ORDERS_MONGODB_URL)).toContain(
      "web.orders:<mongodb_web.orders>@mongodb:27017/orders",
    );
    expect(Object.keys(third?.variables ?? {})).toContain("MONGODB_MONGODB_URL");
    expect(shown(first?.variables.MONGODB_DATABASE)).toBe("web");
  });
});

describe("service", () => {
  test("past the image's entry point nothing is started: it makes the administrator", () => {
    expect(made().file("start.sh")).toContain("exec docker-entrypoint.sh mongod --config /etc/mongo/mongod.conf\n");
    expect(made().service("mongodb")).toMatchObject({
      user: "999:999",
      secrets: ["mongodb_stack_admin", "mongodb_key"],
      environment: { MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/mongodb_stack_admin" },
    });
  });

  test("the key is of letters that a key file may hold", () => {
    const key = made().secrets?.find(({ name }) => name === "mongodb_key");
    expect(key).toMatchObject({ kind: "random", encoding: "hex" });
  });

  test("the processor is looked at before the server dies of it", () => {
    const needs = modelOf(stackOf("\nmongodb: {}")).hostNeeds;
    expect(needs.flatMap((need) => ("processor" in need && !need.advisory ? [need.architecture] : []))).toEqual([
      "amd64",
      "arm64",
    ]);
  });

  test("no password is an argument", () => {
    const { services, shortcuts, dataSources } = made("{}", undefined, { monitored: true });
    const said = JSON.stringify([
      services?.map(({ command, entrypoint }) => [command, entrypoint]),
      shortcuts,
      dataSources,
    ]);
    expect(said).not.toMatch(/--password|-p \$|:\/\/[^/]*@/);
  });
});

describe("scripts", () => {
  const monitored = made("{}", [{ key: "web" }, { key: "it-s" }], { monitored: true });
  const scripts = (monitored.files ?? []).filter(({ path }) => path.endsWith(".sh"));
  const programs = (monitored.files ?? []).filter(({ path }) => path.endsWith(".js"));

  test.each(scripts.map(({ path, content }) => [path, content]))("%s is a shell script", (_path, content) => {
    expect(() => execFileSync("sh", ["-n"], { input: content })).not.toThrow();
    expect(() =>
      execFileSync("sh", ["-n"], { input: `${content}\nif`, stdio: ["pipe", "ignore", "ignore"] }),
    ).toThrow();
  });

  test.each(programs.map(({ path, content }) => [path, content]))("%s is JavaScript", (_path, content) => {
    expect(() => new Script(content)).not.toThrow();
  });

  test("programs of MongoDB are called with documented options", () => {
    const lines = [
      ...scripts.map(({ content }) => content.replaceAll("\\\n", " ")),
      ...(monitored.services ?? []).map(({ entrypoint = [], command = [] }) => [...entrypoint, ...command].join(" ")),
      ...(monitored.shortcuts ?? []).map(({ command }) => command.join(" ")),
    ].join("\n");
    const calls = [...lines.matchAll(/\b(mongod|mongosh|mongodump|mongorestore) ([^\n|;]*)/g)];
    const unknown = calls.flatMap(([, program = "", rest = ""]) =>
      [...rest.matchAll(/(?<!\S)(--[A-Za-z_]+)/g)]
        .map(([, flag = ""]) => flag)
        .filter((flag) => !documentedFlags[program]?.includes(flag))
        .map((flag) => `${program} ${flag}`),
    );
    expect(unknown).toEqual([]);
    expect(calls.length).toBeGreaterThan(5);
  });

  test("the password of the dump is one that YAML takes whatever is in it", () => {
    const file = monitored.secrets?.find(({ name }) => name === "mongodb_dump");
    const text = file?.kind === "composed" ? shown(file.content).replace("<mongodb_stack_admin>", "a%3A%22b%23") : "";
    expect(parse(text)).toEqual({
      uri: "mongodb://stack_admin:a%3A%22b%23@mongodb:27017/?authSource=admin&directConnection=true",
    });
  });
});

describe("the check of a copy", () => {
  const script = made().file("backup.sh");
  /** Runs the check on a file of these bytes, where the container has it. */
  const check = (make: string) => {
    const line = `folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; ${make} >"$folder/dump.archive.gz"; sed "s,/backup/,$folder/," | sh -s check`;
    try {
      execFileSync("sh", ["-c", line], { input: script, stdio: ["pipe", "pipe", "pipe"] });
      return "sound";
    } catch (error) {
      return String((error as { stdout: Buffer }).stdout) + String((error as { stderr: Buffer }).stderr);
    }
  };
  const archive = "{ printf '\\155\\342\\231\\201'; seq 100000; } | gzip -c";

  test("takes an archive, and refuses one that is cut off, changed, or something else", () => {
    expect(check(archive)).toBe("sound");
    expect(check(`${archive} | head -c 60000`)).toContain("unexpected end of file");
    expect(check(`${archive} | sed 's/a/b/'`)).toMatch(/crc error|invalid compressed|format violated/);
    expect(check("seq 100000 | gzip -c")).toContain("is no archive of mongodump: it begins with 310a320a");
    expect(check("printf ''")).toMatch(/unexpected end of file|begins with/);
  });
});

describe("a start", () => {
  /** The container's file system in a folder of its own, with programs that write down how they are called. */
  function container() {
    const root = mkdtempSync(join(tmpdir(), "mongodb-start-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const path = (name: string) => join(root, name);
    for (const folder of ["bin", "data/db", "run/secrets", "tmp", "etc/mongo"])
      mkdirSync(path(folder), { recursive: true });
    const inRoot = (text: string) =>
      text.replaceAll(/(?<![\w.])\/(data\/db|run\/secrets|tmp|etc\/mongo)(?!\w)/g, `${root}/$1`);
    for (const name of ["start.sh", "backup.sh", "initialized.sh"])
      writeFileSync(path(`etc/mongo/${name}`), inRoot(made().file(name)));
    for (const program of ["mongod", "mongosh", "docker-entrypoint.sh"]) {
      writeFileSync(path(`bin/${program}`), `#!/bin/sh\necho "${program} $STACK_PART $*" >>${root}/calls\n`);
      chmodSync(path(`bin/${program}`), 0o755);
    }
    writeFileSync(path("run/secrets/mongodb_key"), `${"ab".repeat(32)}\n`);
    const run = (script: string) => {
      writeFileSync(path("calls"), "");
      const env = { ...process.env, PATH: `${path("bin")}:${process.env.PATH}`, STACK_PART: "" };
      const { status, stderr } = spawnSync("sh", [path(`etc/mongo/${script}`)], { env, encoding: "utf8" });
      expect(status, stderr).toBe(0);
      const calls = readFileSync(path("calls"), "utf8").trim().split("\n");
      return calls.map((line) => line.split(" ").slice(0, 2).join(" ").trim());
    };
    return {
      run,
      path,
      administrator: (password: string) => writeFileSync(path("run/secrets/mongodb_stack_admin"), `${password}\n`),
      /** What the server leaves in its folder. */
      filled: () => writeFileSync(path("data/db/WiredTiger"), ""),
    };
  }

  test("the first is the image's, and the next ones as well as long as the password stays", () => {
    const { run, path, administrator, filled } = container();
    administrator("one");
    expect(run("start.sh")).toEqual(["docker-entrypoint.sh"]);
    filled();
    run("initialized.sh");
    expect(run("start.sh")).toEqual(["docker-entrypoint.sh"]);
    expect(readFileSync(path("tmp/key"), "utf8")).toBe("ab".repeat(32));
    expect(existsSync(path("data/db/WiredTiger"))).toBe(true);
  });

  test("another password of the administrator is told to a server that nobody reaches, once", () => {
    const { run, path, administrator, filled } = container();
    administrator("one");
    run("start.sh");
    filled();
    run("initialized.sh");
    administrator("two");
    expect(run("start.sh")).toEqual(["mongod", "mongosh begin", "mongosh end", "mongod", "docker-entrypoint.sh"]);
    expect(existsSync(path("tmp/begun"))).toBe(false);
    expect(run("start.sh")).toEqual(["docker-entrypoint.sh"]);
  });

  test("a volume from elsewhere learns it as well", () => {
    const { run, administrator, filled } = container();
    administrator("one");
    filled();
    expect(run("start.sh")).toContain("mongosh end");
    expect(run("start.sh")).toEqual(["docker-entrypoint.sh"]);
  });

  test("one that was interrupted before there was an administrator begins anew; data is never thrown away", () => {
    const { run, path, administrator, filled } = container();
    administrator("one");
    run("start.sh");
    filled();
    writeFileSync(path("data/db/left"), "");
    expect(run("start.sh")).toEqual(["docker-entrypoint.sh"]);
    expect([existsSync(path("data/db/left")), existsSync(path("data/db/WiredTiger"))]).toEqual([false, false]);
    filled();
    run("initialized.sh");
    writeFileSync(path("data/db/orders"), "");
    run("start.sh");
    administrator("two");
    run("start.sh");
    expect(existsSync(path("data/db/orders"))).toBe(true);
  });
});
