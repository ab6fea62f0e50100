import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const postgres = "postgres:18.6-trixie";

await describeWithDocker("PgBouncer in front of Postgres", [postgres, "edoburu/pgbouncer:v1.26.0-p0"], () => {
  let stack: DataStack;
  const name = uniqueName("data-pgbouncer");
  const stackYaml = (apps: readonly string[] | undefined) => `
name: ${name}
components:
${client("server", postgres, ["postgres"])}
${client("other", postgres, ["postgres"])}
${apps?.includes("late") ? client("late", postgres, ["postgres"]) : ""}
  postgres:
${apps ? `    pooler: { size: 20, clients: 220, apps: [${apps.join(", ")}] }` : ""}
    settings: { max_connections: 60, log_statement: all, log_connections: on }
    limits: { memory: 256m }
`;
  const psql = (service: string, sql: string, target = '"$DATABASE_URL"') =>
    stack.sh(service, `psql ${target} --no-psqlrc -v ON_ERROR_STOP=1 -Atc "${sql}"`);
  const answer = async (service: string, sql: string, target?: string) => {
    const { stdout, stderr } = await psql(service, sql, target);
    return (stdout + stderr).trim();
  };
  /** A table of the pooler's console: rows by the names of their columns. */
  const show = async (what: string) => {
    const { service = "", command = [] } = stack.model.shortcuts.find(({ verb }) => verb === "pgbouncer") ?? {};
    const { stdout, stderr } = await stack.compose("exec", "-T", service, ...command, "-A", "-c", `SHOW ${what}`);
    const [head = "", ...rows] = stdout
      .trim()
      .split("\n")
      .filter((line) => !line.startsWith("("));
    expect(head, stderr).toContain("|");
    const columns = head.split("|");
    return rows.map((row) => Object.fromEntries(row.split("|").map((cell, index) => [columns[index] ?? "", cell])));
  };
  const idOf = async (service: string) => (await stack.compose("ps", "-q", service)).stdout.trim();

  beforeAll(async () => {
    stack = await dataStack(stackYaml(["server"]));
    await stack.up();
  });
  afterAll(async () => stack?.remove());

  test("an app goes through it as itself; one that is not named goes past it", async () => {
    const who = "SELECT current_user, current_database(), inet_client_addr() = inet_server_addr()";
    expect(await answer("server", who)).toBe("server|server|f");
    const pooler = await stack.address("postgres-pooler", "postgres");
    expect(await answer("server", "SELECT inet_client_addr()")).toBe(pooler);
    expect(await answer("server", "SELECT inet_client_addr()", '"$DATABASE_DIRECT_URL"')).toBe(
      await stack.address("server", "postgres"),
    );
    expect(await answer("other", "SELECT inet_client_addr()")).toBe(await stack.address("other", "postgres"));
    expect((await stack.sh("server", 'psql -Atc "SELECT current_user"')).stdout.trim()).toBe("server");
  });

  test("runs hardened, and its health check fails where nothing listens", async () => {
    expect(await hardeningOf(stack, "postgres-pooler")).toEqual(hardened("70:70"));
    const check = stack.model.services.find((service) => service.name === "postgres-pooler")?.healthcheck?.test ?? [];
    const run = (...words: string[]) => stack.compose("exec", "-T", "postgres-pooler", ...words);
    const dead = check.slice(1).map((word) => (word === "5432" ? "5433" : word));
    expect([(await run(...check.slice(1))).code, (await run(...dead)).code]).toEqual([0, 2]);
  });

  test("a wrong password, another's database, the superuser and who is not named are refused", async () => {
    const refused = async (login: string, database = "server", password = "wrong") =>
      (await stack.sh("server", `PGPASSWORD="$(cat)" psql -U ${login} -d ${database} -c 'SELECT 1'`, password)).stderr;
    expect(await refused("server")).toContain("authentication failed");
    expect(await refused("postgres", "postgres", stack.secret("postgres_superuser"))).toContain("no such user");
    expect(await refused("other", "other", stack.secret("postgres_other"))).toContain("no such user");
    for (const database of ["other", "postgres"])
      expect(await refused("server", database, stack.secret("postgres_server"))).toContain(
        "permission denied for database",
      );
    expect(await refused("server", "pgbouncer", stack.secret("postgres_server"))).toMatch(/not allowed|no such/);
  });

  test("its role looks up the logins of those who go through it, and nothing else", async () => {
    const as = async (sql: string) => {
      const line = `PGPASSWORD="$(cat)" psql -h postgres -U stack_pooler -d postgres -Atc "${sql}"`;
      const { stdout, stderr } = await stack.sh("server", line, stack.secret("postgres_stack_pooler"));
      return stdout + stderr;
    };
    expect(await as("SELECT left(secret, 13) FROM stack_pooler.login('server')")).toBe("SCRAM-SHA-256\n");
    expect(
      await as(
        "SELECT count(*) FROM unnest(ARRAY['other', 'postgres', 'stack_pooler']) AS role, stack_pooler.login(role)",
      ),
    ).toBe("0\n");
    expect(await as("SELECT rolpassword FROM pg_authid")).toContain("permission denied");
    expect(await answer("server", "SELECT stack_pooler.login('server')")).toContain(
      'schema "stack_pooler" does not exist',
    );
  });

  test("200 clients with prepared statements share 20 connections, in transactions", async () => {
    const script = "SELECT pg_sleep(0.02), :client_id + 0 AS mine;";
    const bench = stack.sh(
      "server",
      `cat >/tmp/script.sql && pgbench -n -M prepared -f /tmp/script.sql -c 200 -j 2 -t 12 -h "$PGHOST" "$PGDATABASE"`,
      script,
    );
    let most = 0;
    let clients = 0;
    const ended = bench.then(() => true);
    while (!(await Promise.race([ended, new Promise<false>((resolve) => setTimeout(resolve, 200, false))]))) {
      const count =
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'server' AND backend_type = 'client backend'";
      most = Math.max(most, Number((await stack.sh("postgres", `psql -U postgres -Atc "${count}"`)).stdout.trim()));
      clients = Math.max(
        clients,
        ...(await show("LISTS")).filter(({ list }) => list === "used_clients").map(({ items }) => Number(items)),
      );
    }
    const { code, stdout, stderr } = await bench;
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("number of transactions actually processed: 2400/2400");
    expect(stdout).toMatch(/number of failed transactions: 0 /);
    expect([most, clients]).toEqual([20, expect.toSatisfy((found: number) => found >= 200 && found <= 210)]);
    // Each connection has prepared it once, whoever asked.
    const parses = (await show("STATS_TOTALS")).find(({ database }) => database === "server");
    expect(Number(parses?.server_parse_count)).toBeLessThan(100);
    expect(Number(parses?.client_parse_count)).toBeGreaterThanOrEqual(200);
  });

  test("more clients than it takes are told so", async () => {
    const bench = await stack.sh(
      "server",
      'echo "SELECT 1;" >/tmp/one.sql; pgbench -n -f /tmp/one.sql -c 221 -j 1 -t 1 -h "$PGHOST" "$PGDATABASE" 2>&1',
    );
    expect(bench.stdout).toContain("no more connections allowed");
    expect(await answer("server", "SELECT 1")).toBe("1");
  });

  test("the console shows what the exporter reads, and its password is no argument", async () => {
    const columns = async (what: string) => Object.keys((await show(what))[0] ?? {});
    expect(await columns("POOLS")).toEqual(
      expect.arrayContaining(["database", "user", "cl_active", "cl_waiting", "sv_active", "sv_idle", "maxwait"]),
    );
    expect(await columns("DATABASES")).toEqual(expect.arrayContaining(["name", "database", "pool_size"]));
    expect(await columns("STATS_TOTALS")).toEqual(expect.arrayContaining(["database", "xact_count"]));
    const limits = (await show("CONFIG")).find(({ key }) => key === "max_client_conn");
    expect(limits?.value).toBe("220");
    const shortcut = stack.model.shortcuts.find(({ verb }) => verb === "pgbouncer");
    expect(shortcut?.command.join(" ").includes(stack.secret("postgres_stack_pooler"))).toBe(false);
  });

  test("Postgres may restart, and come back at another address, without the pooler", async () => {
    const before = await idOf("postgres-pooler");
    expect((await stack.compose("restart", "postgres")).code).toBe(0);
    await expect.poll(() => answer("server", "SELECT 1"), { timeout: 30_000, interval: 250 }).toBe("1");
    expect((await stack.compose("up", "-d", "--no-deps", "--force-recreate", "--wait", "postgres")).code).toBe(0);
    await expect.poll(() => answer("server", "SELECT 2"), { timeout: 40_000, interval: 250 }).toBe("2");
    expect(await idOf("postgres-pooler")).toBe(before);
  });

  test("a changed password counts after the next start, and a new app is followed; the pooler runs on", async () => {
    const pooler = await idOf("postgres-pooler");
    const former = stack.secret("postgres_server");
    await stack.become(stackYaml(["server", "late"]));
    await stack.rotate("postgres_server", "it's a \\new: p@ss/\"word%");
    await stack.up();
    expect(await answer("server", "SELECT current_user")).toBe("server");
    expect((await stack.sh("server", 'PGPASSWORD="$(cat)" psql -c "SELECT 1"', former)).stderr).toContain(
      "authentication failed",
    );
    expect(await answer("late", "SELECT current_user, inet_client_addr()")).toBe(
      `late|${await stack.address("postgres-pooler", "postgres")}`,
    );
    expect(await idOf("postgres-pooler")).toBe(pooler);
  });

  test("it stops when transactions have ended, although clients stay", async () => {
    const idle = stack.sh("server", `psql "$DATABASE_URL" -qAtc "SELECT 1" -c '\\! sleep 20' & sleep 0.5`);
    const busy = psql("server", "BEGIN; SELECT pg_sleep(2); COMMIT");
    const working = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' AND usename = 'server'";
    await expect
      .poll(async () => (await stack.sh("postgres", `psql -U postgres -Atc "${working}"`)).stdout.trim())
      .toBe("1");
    const start = Date.now();
    expect((await stack.compose("stop", "postgres-pooler")).code).toBe(0);
    expect(Date.now() - start).toBeLessThan(10_000);
    expect((await busy).code).toBe(0);
    await idle;
    const state = await stack.compose("ps", "-a", "--format", "{{.ExitCode}}", "postgres-pooler");
    expect(state.stdout.trim()).toBe("0");
    await stack.up();
  });

  test("no secret stands in inspect, logs or process lists", async () => {
    const text = await stack.readable(["postgres", "postgres-setup", "postgres-pooler"]);
    expect(text).toContain("process up: PgBouncer");
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
  });

  test("without a pooler its role and its function are gone, or locked where they were given rights by hand", async () => {
    const superuser = async (sql: string, database = "postgres") =>
      (await stack.sh("postgres", `psql -U postgres -d ${database} -Atc "${sql}"`)).stdout.trim();
    const role = "SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = 'stack_pooler'";
    const login = async () => {
      const line = `PGPASSWORD="$(cat)" psql -h postgres -U stack_pooler -d postgres -Atc 'SELECT 1'`;
      const { stdout, stderr } = await stack.sh("server", line, password);
      return stdout + stderr;
    };
    const setUp = () =>
      stack.compose("up", "--force-recreate", "--no-deps", "--exit-code-from", "postgres-setup", "postgres-setup");
    const password = stack.secret("postgres_stack_pooler");
    expect([await superuser(role), await login()]).toEqual(["t|f", "1\n"]);
    expect(await superuser("CREATE TABLE by_hand (); GRANT SELECT ON by_hand TO stack_pooler", "other")).toContain(
      "GRANT",
    );
    await stack.become(stackYaml(undefined));
    expect((await setUp()).code).toBe(0);
    expect(await superuser(role)).toBe("f|t");
    expect(await login()).toContain("authentication failed");
    await superuser("DROP TABLE by_hand", "other");
    expect((await setUp()).code).toBe(0);
    expect(await superuser(role)).toBe("");
    expect(await superuser("SELECT count(*) FROM pg_namespace WHERE nspname = 'stack_pooler'")).toBe("0");
    await stack.up();
    expect(await answer("server", "SELECT inet_client_addr()")).toBe(await stack.address("server", "postgres"));
  });
});
