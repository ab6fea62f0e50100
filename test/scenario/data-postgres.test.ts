import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithDocker } from "../support/docker.ts";
import { isReached } from "../support/isolation.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const images = { 16: "postgres:16.15-trixie", 17: "postgres:17.11-trixie", 18: "postgres:18.6-trixie" };

const statementsSeen = 'psql -U postgres -d reports -Atc "SELECT query FROM pg_stat_statements"';

for (const version of [16, 17, 18] as const) {
  const image = images[version];
  await describeWithDocker(`postgres ${version}`, [image], () => {
    let stack: DataStack;
    const psql = (service: string, sql: string, url = '"$DATABASE_URL"') =>
      stack.sh(service, `psql ${url} --no-psqlrc -v ON_ERROR_STOP=1 -Atc "${sql}"`);

    beforeAll(async () => {
      // Everything is logged, so that a password in a statement would be seen.
      stack = await dataStack(`
name: ${uniqueName(`data-pg${version}`)}
components:
${client("server", image, ["postgres", "postgres/reports", "second"])}
${client("other", image, ["postgres"])}
${client("outsider", image, ["second"])}
  postgres:
    version: ${version}
    databases: { server: {}, reports: { extensions: [pg_stat_statements] }, other: {} }
    settings: { log_statement: all, log_min_duration_statement: 0, shared_preload_libraries: pg_stat_statements }
    limits: { memory: 256m }
  second: { type: postgres, version: ${version}, limits: { memory: 256m } }
`);
      await stack.up();
    });
    afterAll(async () => stack?.remove());

    test("starts healthy, and an app is let in by the URL that it is given", async () => {
      const answer = await psql(
        "server",
        "SELECT current_user, current_database(), current_setting('server_version_num')::int / 10000",
      );
      expect(answer.stdout.trim(), answer.stderr).toBe(`server|server|${version}`);
    });

    test("the PG* variables and those of a further database lead there too", async () => {
      const plain = await stack.sh("server", 'psql -Atc "SELECT current_database()"');
      const named = await psql("server", "SELECT current_user, current_database()", '"$REPORTS_DATABASE_URL"');
      expect([plain.stdout.trim(), named.stdout.trim()]).toEqual(["server", "reports|reports"]);
    });

    test("runs hardened", async () => {
      expect(await hardeningOf(stack, "postgres")).toEqual(hardened("999:999"));
      expect(await hardeningOf(stack, "postgres-setup")).toEqual(hardened("999:999"));
    });

    test("has the settings that are derived from its memory limit", async () => {
      const shown = await psql("server", "SELECT current_setting('shared_buffers'), current_setting('data_checksums')");
      expect(shown.stdout.trim()).toBe("64MB|on");
    });

    test("a wrong password is refused", async () => {
      const answer = await stack.sh("server", "PGPASSWORD=wrong psql -c 'SELECT 1'");
      expect(answer.code).toBe(2);
      expect(answer.stderr).toContain('password authentication failed for user "server"');
    });

    test("the superuser is refused over the network, even with the right password", async () => {
      const line = 'PGPASSWORD="$(cat)" psql -U postgres -d postgres -c "SELECT 1"';
      const answer = await stack.sh("server", line, stack.secret("postgres_superuser"));
      expect(answer.code).toBe(2);
      expect(answer.stderr).toContain("pg_hba.conf rejects connection");
    });

    test("an app cannot open the database of another, nor the server's own", async () => {
      for (const database of ["other", "reports", "postgres", "template1"]) {
        const answer = await stack.sh("server", `psql -d ${database} -c 'SELECT 1'`);
        expect(answer.stderr, database).toContain(`permission denied for database "${database}"`);
      }
    });

    test("an app owns its database and is nothing more", async () => {
      const made = await psql(
        "server",
        "CREATE SCHEMA app; CREATE TABLE app.t (id int); CREATE EXTENSION IF NOT EXISTS plpgsql; SELECT 'made'",
      );
      expect(made.stdout.trim().split("\n").at(-1), made.stderr).toBe("made");
      const role = await psql(
        "server",
        "SELECT rolsuper, rolcreatedb, rolcreaterole, rolreplication FROM pg_roles WHERE rolname = 'server'",
      );
      expect(role.stdout.trim()).toBe("f|f|f|f");
    });

    test("an app that does not use it reaches it neither by name nor by address", async () => {
      const address = await stack.address("postgres", "postgres");
      const answers = (where: string) =>
        isReached(async () => (await stack.sh("outsider", `pg_isready ${where} -t 2`)).code !== 2);
      expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      const [byName, byAddress, own] = [
        await answers("-h postgres"),
        await answers(`-h ${address}`),
        await answers(""),
      ];
      expect([byName, byAddress, own]).toEqual([false, false, true]);
    });

    test("several in one stack have data and passwords of their own", async () => {
      const answer = await psql("outsider", "SELECT current_database()");
      expect(answer.stdout.trim(), answer.stderr).toBe("outsider");
      const both = await psql("server", "SELECT current_database(), inet_server_addr()", '"$SECOND_DATABASE_URL"');
      expect(both.stdout.trim(), both.stderr).toBe(`server|${await stack.address("second", "second")}`);
      expect(stack.secret("second_superuser")).not.toBe(stack.secret("postgres_superuser"));
    });

    test("the shortcut opens a shell as the owner of the first database", async () => {
      const answer = await stack.shortcut("postgres", "-Atc", "SELECT current_user");
      expect(answer.stdout.trim(), answer.stderr).toBe("server");
    });

    test("set-up a second time changes nothing, and a restart keeps the data", async () => {
      expect((await psql("server", "CREATE TABLE kept AS SELECT 42 AS answer")).code).toBe(0);
      await stack.up();
      expect((await stack.compose("restart", "postgres")).code).toBe(0);
      expect((await stack.compose("down")).code).toBe(0);
      await stack.up();
      const answer = await psql("server", "SELECT answer FROM kept");
      expect(answer.stdout.trim(), answer.stderr).toBe("42");
    });

    test("a password that was changed under secrets/ counts after the next start", async () => {
      const before = stack.secret("postgres_server");
      await stack.rotate("postgres_server", "it's a \\new: p@ss/word%");
      await stack.up();
      const renewed = await psql("server", "SELECT 1");
      expect(renewed.stdout.trim(), renewed.stderr).toBe("1");
      const former = await stack.sh("server", 'PGPASSWORD="$(cat)" psql -c "SELECT 1"', before);
      expect(former.stderr).toContain("password authentication failed");
    });

    test("an empty secret stops the set-up with a message that names it", async () => {
      const good = stack.secret("postgres_other");
      stack.writeSecret("postgres_other", "\n");
      const result = await stack.compose("run", "--rm", "-T", "--no-deps", "postgres-setup");
      stack.writeSecret("postgres_other", `${good}\n`);
      expect(result.code).not.toBe(0);
      expect(result.stderr).toContain("the secret postgres_other is missing or empty");
    });

    test("no secret stands in inspect, logs, process lists or statistics", async () => {
      expect((await psql("server", "SELECT count(*) AS marker FROM pg_class")).code).toBe(0);
      const text = await stack.readable(["postgres", "postgres-setup", "second", "second-setup"]);
      const statistics = (await stack.sh("postgres", statementsSeen)).stdout;
      // Statements are logged and counted, those with a password are not.
      expect(text).toContain("SELECT count(*) AS marker FROM pg_class");
      expect(statistics).toContain("AS marker FROM");
      for (const value of stack.secretValues()) expect(`${text}${statistics}`.includes(value)).toBe(false);
      // The search does find one where it stands: in the environment of an app that chose to have it there.
      expect((await stack.readable(["other"])).includes(stack.secret("postgres_other"))).toBe(true);
    });

    test("the health check fails where nothing listens", async () => {
      const check =
        stack.model.services.find((service) => service.name === "postgres")?.healthcheck?.test.slice(1) ?? [];
      const alive = await stack.sh("postgres", check.join(" "));
      const dead = await stack.sh("postgres", `${check.join(" ")} -p 5433`);
      expect([alive.code, dead.code]).toEqual([0, 2]);
    });
  });
}
