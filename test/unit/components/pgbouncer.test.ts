import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import type { ComponentUse } from "../../../src/components/component.ts";
import { component } from "../../../src/components/postgres/index.ts";
import { complaintsOf, modelOf, stackOf } from "../../support/catalogue.ts";
import { componentUse } from "../../support/component-use.ts";

const twoApps = [{ key: "web" }, { key: "worker" }];

/** What Postgres adds with these options of its pooler. */
function made(yaml = "{}", usedBy: ComponentUse["usedBy"] = twoApps, more: Partial<ComponentUse> = {}, postgres = "") {
  const options = component.options.parse(parse(`{ pooler: ${yaml}${postgres && `, ${postgres}`} }`));
  const added = component.contribute(options, componentUse("postgres", { usedBy, ...more }));
  const file = (name: string) => added.files?.find(({ path }) => path.endsWith(name))?.content ?? "";
  return {
    ...added,
    pooler: added.services?.find(({ name }) => name === "postgres-pooler"),
    ini: file("pgbouncer.ini"),
    sql: file("setup.sql"),
    of: (app: string) => added.connections?.find((connection) => connection.app === app),
  };
}

const hostOf = (text: readonly unknown[] = []) =>
  /@([a-z-]+):/.exec(text.filter((part) => typeof part === "string").join(""))?.[1];

describe("who goes through it", () => {
  test("without a pooler nothing is different", () => {
    const added = component.contribute(component.options.parse({}), componentUse("postgres", { usedBy: twoApps }));
    expect(added.services?.map(({ name }) => name)).toEqual(["postgres", "postgres-setup"]);
    expect(Object.keys(added.connections?.[0]?.variables ?? {})).not.toContain("DATABASE_DIRECT_URL");
    const sql = added.files?.find(({ path }) => path.endsWith("setup.sql"))?.content;
    const gone = (text = "") => /rolname IN \((.*)\) LOOP/.exec(text)?.[1];
    expect(gone(sql)).toBe("'stack_monitor', 'stack_pooler'");
    expect(gone(made().sql)).toBe("'stack_monitor'");
    expect(made("{}", twoApps, { monitored: true }).sql).not.toContain("DROP ROLE");
  });

  test("everybody, unless stack.yaml names some; each is told the direct address as well", () => {
    const hosts = (yaml: string) =>
      ["web", "worker"].map((app) => {
        const connection = made(yaml).of(app);
        return [
          hostOf(connection?.variables.DATABASE_URL),
          connection?.variables.PGHOST?.[0],
          hostOf(connection?.variables.DATABASE_DIRECT_URL),
          connection?.dependsOn.some(({ service }) => service === "postgres-pooler"),
        ];
      });
    const through = ["postgres-pooler", "postgres-pooler", "postgres", true];
    expect(hosts("true")).toEqual([through, through]);
    expect(hosts("{ apps: [web] }")).toEqual([through, ["postgres", "postgres", "postgres", false]]);
  });

  test("a further database has its name in front of all of them", () => {
    const { connections } = made("{}", [{ key: "web" }, { key: "web", part: "reports" }]);
    expect(hostOf(connections?.[1]?.variables.REPORTS_DATABASE_URL)).toBe("postgres-pooler");
    expect(hostOf(connections?.[1]?.direct?.REPORTS_DATABASE_URL)).toBe("postgres");
  });

  test("advisory locks are taken at the server itself", () => {
    expect(made().of("web")?.postgres).toEqual({ service: "postgres", database: "web", user: "web" });
  });

  test("an app that does not use this Postgres is told of", () => {
    expect(made("{ apps: [wep] }").problems).toEqual([
      { path: ["pooler", "apps", 0], message: "wep does not use postgres", hint: 'did you mean "web"?' },
    ]);
  });

  test("the pooler may look up those who go through it, and nobody else", () => {
    expect(made("{ apps: [worker] }").sql).toContain("NOT rolsuper AND rolname IN ('worker')\n");
    expect(made("{}", []).sql).toContain("rolname IN (NULL)");
  });
});

describe("migrations", () => {
  const stack = (migrate: string) =>
    modelOf(
      stackOf(`
web: { type: app, image: "you/web:1", user: "1000:1000", uses: [postgres], env: { MODE: a }${migrate} }
postgres: { pooler: true }`),
    );

  test("go round the pooler", () => {
    const { services, secrets } = stack(", migrate: [npx, prisma, migrate, deploy]");
    const job = services.find(({ name }) => name === "web-migrate");
    const app = services.find(({ name }) => name === "web");
    expect([app?.envFiles, job?.envFiles]).toEqual([["secrets/web.env"], ["secrets/web-migrate.env"]]);
    expect([app?.environment.PGHOST, job?.environment.PGHOST]).toEqual(["postgres-pooler", "postgres"]);
    expect(job?.environment.MODE).toBe("a");
    const url = (name: string) => secrets.find((file) => file.name === name);
    for (const [name, host] of [
      ["web.env", "postgres-pooler"],
      ["web-migrate.env", "postgres"],
    ] as const) {
      const file = url(name);
      expect(file?.kind === "composed" ? hostOf(file.content) : undefined).toBe(host);
    }
  });

  test("no file is made for them where there are none", () => {
    expect(stack("").secrets.map(({ name }) => name)).not.toContain("web-migrate.env");
  });
});

describe("connections of the server", () => {
  const sizeOf = (yaml: string, apps: number, postgres = "") => {
    const usedBy = Array.from({ length: apps }, (_, index) => ({ key: `app${index}` }));
    const { ini, problems } = made(yaml, usedBy, {}, postgres);
    return [/^default_pool_size = (\d+)$/m.exec(ini)?.[1], problems?.[0]?.message];
  };

  test("are divided among the apps: what is kept back for others is not given away", () => {
    // 512 MB: 51 connections, 5 of them reserved, 5 for migrations and shells.
    expect(sizeOf("{}", 1)).toEqual(["20", undefined]);
    expect(sizeOf("{}", 2)).toEqual(["20", undefined]);
    expect(sizeOf("{}", 3)).toEqual(["13", undefined]);
    expect(sizeOf("{}", 3, "limits: { memory: 128m }")).toEqual(["3", undefined]);
    expect(sizeOf("{}", 40, "settings: { max_connections: 60 }")).toEqual(["1", undefined]);
  });

  test("more than there are is refused", () => {
    expect(sizeOf("{ size: 15 }", 3)).toEqual(["15", undefined]);
    expect(sizeOf("{ size: 16 }", 3)).toEqual([
      "16",
      "the pooler may open 48 connections, and postgres takes 46 from apps",
    ]);
    expect(
      complaintsOf(
        stackOf(`
web: { type: app, image: "you/web:1", uses: [postgres] }
postgres: { pooler: { size: 80 } }`),
      ),
    ).toContain("write a smaller size:, give Postgres more memory");
  });
});

describe("configuration", () => {
  test("true is short for everything as it is", () => {
    expect(made("true").ini).toBe(made("{}").ini);
    expect(made().ini).toContain("pool_mode = transaction\n");
    expect(made("{ mode: session, clients: 900 }").ini).toMatch(/pool_mode = session\n(.|\n)*max_client_conn = 900\n/);
  });

  test("own settings come last, in PgBouncer's words", () => {
    const { ini } = made("{ settings: { query_wait_timeout: 30, log_stats: true } }");
    expect(ini.trimEnd().split("\n").slice(-2)).toEqual(["query_wait_timeout = 30", "log_stats = 1"]);
  });

  test.each([
    "false",
    "{ mode: statement }",
    "{ size: 0 }",
    "{ clients: 5 }",
    "{ settings: { auth_type: trust } }",
    '{ settings: { "a]": 1 } }',
    '{ settings: { query_timeout: "1\\nauth_type = trust" } }',
    "{ pool: 3 }",
  ])("refuses %s", (yaml) => {
    expect(component.options.safeParse(parse(`{ pooler: ${yaml} }`)).success).toBe(false);
  });

  test("it holds its own logins and no app's password", () => {
    const list = (monitored: boolean) => {
      const { secrets } = made("{}", twoApps, { monitored });
      const file = secrets?.find(({ name }) => name === "postgres-pooler_users");
      const parts = file?.kind === "composed" ? file.content : [];
      return parts.map((part) => (typeof part === "string" ? part : `<${part.secret}>`)).join("");
    };
    const own = '"stack_pooler" "<postgres_stack_pooler>"\n';
    expect([list(false), list(true)]).toEqual([own, `${own}"stack_monitor" "<postgres_stack_monitor>"\n`]);
    expect(made("{}", twoApps, { monitored: true }).ini).toContain("stats_users = stack_monitor\n");
  });

  test("no database can have the name of its role", () => {
    expect(component.options.safeParse({ databases: ["stack_pooler"] }).success).toBe(false);
  });
});

describe("service", () => {
  test("starts when the server knows its role, and stops when transactions have ended", () => {
    expect(made().pooler).toMatchObject({
      user: "70:70",
      networks: ["postgres"],
      dependsOn: [
        { service: "postgres", condition: "service_healthy" },
        { service: "postgres-setup", condition: "service_completed_successfully" },
      ],
      stopSignal: "SIGINT",
    });
  });

  test("the exporter's address, which holds a password, is no argument and no variable of the Compose file", () => {
    const exporter = made("{}", twoApps, { monitored: true }).services?.find(
      ({ name }) => name === "postgres-pooler-exporter",
    );
    expect(exporter?.secrets).toEqual(["postgres-pooler_address"]);
    expect(Object.keys(exporter?.environment ?? {})).toEqual(["GOMEMLIMIT"]);
  });

  test("its panels are on the dashboard of its server", () => {
    const titles = (yaml?: string) => {
      const options = component.options.parse(parse(yaml ?? "{}"));
      const added = component.contribute(options, componentUse("postgres", { usedBy: twoApps, monitored: true }));
      return added.dashboards?.[0]?.panels.map(({ title }) => title).filter((title) => title.startsWith("Pooler"));
    };
    expect(titles()).toEqual([]);
    expect(titles("{ pooler: true }")?.length).toBeGreaterThan(3);
  });
});
