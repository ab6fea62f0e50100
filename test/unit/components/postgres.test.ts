import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { planDatabases } from "../../../src/components/postgres/databases.ts";
import { component } from "../../../src/components/postgres/index.ts";
import { deriveSettings } from "../../../src/components/postgres/settings.ts";
import { secret } from "../../../src/stack/secret-text.ts";
import { componentUse } from "../../support/component-use.ts";

const _templates = new URL("../../../templates/", import.meta.url);
const megabyte = 1024 ** 2;

/** What the component adds with these options, as in stack.yaml. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = [{ key: "web" }], key = "postgres") {
  const added = component.contribute(component.options.parse(parse(yaml)), componentUse(key, { usedBy }));
  const service = (name: string) => added.services?.find((candidate) => candidate.name === name);
  const file = (name: string) =>
    added.files?.find((candidate) => candidate.path === `config/${key}/${name}`)?.content ?? "";
  return { ...added, service, file };
}

const optionsOf = (yaml: string) => component.options.safeParse(parse(yaml));
const settingsFor = (memory: number, cpus = 1, settings = {}) =>
  deriveSettings({ limits: { memory: memory * megabyte, cpus, pids: 256 }, settings });

describe("settings derived from the limits", () => {
  test.each([
    { memory: 128, connections: 20, buffers: 32, cache: 83, work: 1638, maintenance: 16, shm: 256 },
    { memory: 512, connections: 51, buffers: 128, cache: 332, work: 2570, maintenance: 25, shm: 256 },
    { memory: 1024, connections: 102, buffers: 256, cache: 665, work: 2570, maintenance: 51, shm: 256 },
    { memory: 4096, connections: 200, buffers: 1024, cache: 2662, work: 5242, maintenance: 204, shm: 1024 },
    { memory: 65536, connections: 200, buffers: 16384, cache: 42598, work: 83886, maintenance: 1024, shm: 16384 },
  ])("$memory MB", ({ memory, connections, buffers, cache, work, maintenance, shm }) => {
    const derived = settingsFor(memory);
    expect({
      connections: derived.maxConnections,
      buffers: derived.sharedBuffers / megabyte,
      cache: derived.effectiveCacheSize / megabyte,
      work: derived.workMem / 1024,
      maintenance: derived.maintenanceWorkMem / megabyte,
      shm: derived.shm / megabyte,
    }).toEqual({ connections, buffers, cache, work, maintenance, shm });
  });

  test("buffers and all connections sorting at once leave half of the memory", () => {
    for (let memory = 128; memory <= 32_768; memory += 97) {
      const derived = settingsFor(memory);
      expect(derived.sharedBuffers + derived.workMem * derived.maxConnections).toBeLessThanOrEqual(
        memory * megabyte * 0.5,
      );
    }
  });

  test("a number of connections from settings: divides the memory for sorting anew", () => {
    expect(settingsFor(1024, 1, { max_connections: 400 }).workMem).toBe(megabyte);
    expect(settingsFor(1024, 1, { max_connections: "25" })).toMatchObject({
      maxConnections: 25,
      workMem: 10485 * 1024,
    });
    expect(settingsFor(1024, 1, { max_connections: "many" }).maxConnections).toBe(102);
  });

  test("parallel workers follow the CPUs", () => {
    const workers = (cpus: number) => [
      settingsFor(1024, cpus).parallelWorkers,
      settingsFor(1024, cpus).parallelWorkersPerQuery,
    ];
    expect([workers(0.5), workers(2), workers(16)]).toEqual([
      [1, 0],
      [2, 1],
      [16, 4],
    ]);
  });
});

describe("databases", () => {
  const plan = (databases: string[] | undefined, ...uses: string[]) => {
    const usedBy = uses.map((text) => {
      const [key = "", part] = text.split("/");
      return part === undefined ? { key } : { key, part };
    });
    const listed = databases?.map((name) => ({ name, extensions: [] }));
    const { databases: all, uses: given, problems } = planDatabases({ databases: listed }, { key: "postgres", usedBy });
    return {
      all: all.map((database) => database.name),
      given: given.map((use) => `${use.app}: ${use.database}`),
      problems: problems.map((problem) => `${problem.message}; ${problem.hint}`),
    };
  };

  test("without a list each app gets its own, and one for each name that it asks for", () => {
    expect(plan(undefined, "web", "worker", "web/reports")).toEqual({
      all: ["web", "worker", "reports"],
      given: ["web: web", "worker: worker", "web: reports"],
      problems: [],
    });
  });

  test("two apps that ask for the same name share it", () => {
    expect(plan(undefined, "web/shop", "worker/shop")).toMatchObject({
      all: ["shop"],
      given: ["web: shop", "worker: shop"],
    });
  });

  test("the only one that is listed is everybody's", () => {
    expect(plan(["shop"], "web", "worker")).toMatchObject({ all: ["shop"], given: ["web: shop", "worker: shop"] });
  });

  test("of several an app gets the one with its name", () => {
    expect(plan(["reports", "web"], "web")).toMatchObject({ given: ["web: web"], problems: [] });
  });

  test.each([
    [
      ["a", "b"],
      "web",
      "web uses postgres without saying which database; write postgres/a or postgres/b in the uses of web",
    ],
    [
      ["reports", "b"],
      "web/report",
      'web uses postgres/report, which is not among the databases; did you mean "reports"?',
    ],
    [[], "web", "web uses postgres, whose list of databases is empty; write databases: [web]"],
    [["a", "a"], "web", 'database "a" is listed twice; remove one of them'],
    [
      undefined,
      "public",
      'the database for public cannot be made: "public" is reserved by Postgres; choose another name; name one in the uses of public: postgres/public-data',
    ],
  ])("%j and %s", (listed, uses, expected) => {
    expect(plan(listed, uses).problems[0]).toBe(expected);
  });
});

describe("options", () => {
  test("the version alone is short for the whole", () => {
    expect(optionsOf("17").data).toEqual(optionsOf("{ version: 17 }").data);
    expect(optionsOf("{}").data).toMatchObject({ version: 18, settings: {} });
  });

  test("databases are a list of names, of maps, or a map", () => {
    const wanted = [
      { name: "shop", extensions: [] },
      { name: "geo", extensions: ["postgis"] },
    ];
    expect(optionsOf("{ databases: [shop, { name: geo, extensions: [postgis] }] }").data?.databases).toEqual(wanted);
    expect(optionsOf("{ databases: { shop: null, geo: { extensions: [postgis] } } }").data?.databases).toEqual(wanted);
  });

  test.each([
    "15",
    '{ image: "postgres:18-alpine" }',
    "{ databases: [postgres] }",
    "{ databases: [pg_stuff] }",
    "{ databases: [Shop] }",
    '{ databases: ["a\'; DROP TABLE x"] }',
    "{ databases: { shop: { owner: me } } }",
    '{ databases: { shop: { extensions: ["a b"] } } }',
    '{ settings: { "a; b": 1 } }',
    "{ settings: { hba_file: /tmp/x } }",
    '{ settings: { work_mem: "4MB\\nfsync = off" } }',
    "{ databass: [shop] }",
  ])("refuses %s", (yaml) => {
    expect(optionsOf(yaml).success).toBe(false);
  });

  test("too little memory is told", () => {
    expect(made("{ limits: { memory: 64m } }").problems).toEqual([
      { path: ["limits", "memory"], message: "Postgres needs at least 128 MB of memory" },
    ]);
  });
});

describe("services", () => {
  test.each([
    [16, "postgres:16.15-trixie", "/var/lib/postgresql/data", "--data-checksums"],
    [17, "postgres:17.11-trixie", "/var/lib/postgresql/data", "--data-checksums"],
    [18, "postgres:18.6-trixie", "/var/lib/postgresql", undefined],
  ])("version %i keeps its volume where its image wants it", (version, image, target, arguments_) => {
    const service = made(String(version)).service("postgres");
    expect(service?.image).toBe(image);
    expect(service?.mounts).toContainEqual({ kind: "volume", volume: "postgres-data", target, readOnly: false });
    expect(service?.environment?.POSTGRES_INITDB_ARGS).toBe(arguments_);
  });

  test("the set-up needs no network and waits for the server; apps wait for the set-up", () => {
    const added = made();
    expect(added.service("postgres-setup")).toMatchObject({
      class: "one-shot",
      networks: [],
      dependsOn: [{ service: "postgres", condition: "service_healthy" }],
    });
    expect(added.connections?.[0]?.dependsOn).toContainEqual({
      service: "postgres-setup",
      condition: "service_completed_successfully",
    });
  });

  test("a new database does not touch the configuration that the server runs with", () => {
    const sources = made()
      .service("postgres")
      ?.mounts?.flatMap((mount) => (mount.kind === "bind" ? [mount.source] : []));
    expect(sources).not.toContain("config/postgres/setup.sql");
    expect(made("{}", [{ key: "web" }, { key: "worker" }]).file("postgresql.conf")).toBe(
      made().file("postgresql.conf"),
    );
  });

  test("there are processes enough for all connections", () => {
    expect(made("{ settings: { max_connections: 500 } }").service("postgres")?.limits.pids).toBe(564);
    expect(made().service("postgres")?.limits.pids).toBe(256);
  });

  test("several of one type share no name", () => {
    const names = (key: string) => {
      const {
        services = [],
        volumes = [],
        networks = [],
        secrets = [],
        files = [],
      } = made("{}", [{ key: "web" }], key);
      return [...services, ...volumes, ...networks, ...secrets]
        .map((item) => item.name)
        .concat(files.map((file) => file.path));
    };
    expect(names("a").filter((name) => names("b").includes(name))).toEqual([]);
  });
});

describe("connections", () => {
  test("the first is plain, a further database of the same app has its name in front", () => {
    const [first, second] = made("{}", [{ key: "web" }, { key: "web", part: "old-reports" }]).connections ?? [];
    expect(Object.keys(first?.variables ?? {})).toContain("DATABASE_URL");
    expect(Object.keys(second?.variables ?? {})).toContain("OLD_REPORTS_DATABASE_URL");
    expect(Object.keys(second?.variables ?? {})).toContain("OLD_REPORTS_PGHOST");
  });

  test("in a further component of an app every name has its key in front", () => {
    const usedBy = [
      { key: "web", further: true as const },
      { key: "web", part: "old", further: true as const },
    ];
    const given = made("{}", usedBy, "user-db").connections?.map(({ variables }) => Object.keys(variables)[0]);
    expect(given).toEqual(["USER_DB_DATABASE_URL", "USER_DB_OLD_DATABASE_URL"]);
  });

  test("the password stands in the URL percent-encoded, and only as a reference", () => {
    expect(made().connections?.[0]?.variables.DATABASE_URL).toEqual([
      "postgresql://",
      "web",
      ":",
      secret("postgres_web", "uri"),
      "@",
      "postgres",
      ":5432/",
      "web",
      "?sslmode=disable",
    ]);
  });

  test("a migration's lock is taken in the app's own database", () => {
    expect(made().connections?.[0]?.postgres).toEqual({ service: "postgres", database: "web", user: "web" });
  });
});

describe("configuration", () => {
  test("settings: of stack.yaml come last, quoted as the server reads them", () => {
    const text = made(
      `{ settings: { log_statement: ddl, search_path: "it's \\\\ here", jit: false, max_connections: 7 } }`,
    ).file("postgresql.conf");
    expect(text.split("of stack.yaml; the last word counts\n")[1]).toBe(
      ["log_statement = 'ddl'", "search_path = 'it''s \\\\ here'", "jit = off", "max_connections = 7", ""].join("\n"),
    );
  });

  test("extensions are made in their own database", () => {
    const text = made("{ databases: [a, { name: b, extensions: [pg_trgm, uuid-ossp] }] }", []).file("setup.sql");
    expect(text.split('\\connect "')[1]).toBe(
      'b"\nCREATE EXTENSION IF NOT EXISTS "pg_trgm";\nCREATE EXTENSION IF NOT EXISTS "uuid-ossp";\n',
    );
  });
});
