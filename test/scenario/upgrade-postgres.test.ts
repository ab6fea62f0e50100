import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CliStack, createCliStack } from "../support/cli-stack.ts";
import { describeWithDocker } from "../support/docker.ts";
import { shellBlocks } from "../support/shell-blocks.ts";

const images = ["traefik:v3.7.11", "postgres:16.15-trixie", "postgres:17.11-trixie", "busybox:1.38.0"];

const yaml = `name: upgrade
components:
  traefik: {}
  app: { image: "busybox:1.38.0", user: "1000:1000", uses: [postgres], command: [sleep, infinity], stopGrace: 1s }
  postgres: { version: 16 }
`;

await describeWithDocker("Postgres goes to a new major version", images, () => {
  let stack: CliStack;

  beforeAll(async () => {
    stack = await createCliStack({ yaml });
    expect(await stack.run("start")).toMatchObject({ code: 0 });
    sql(
      "CREATE TABLE orders AS SELECT i, md5(i::text) AS code FROM generate_series(1, 5000) i; CREATE INDEX ON orders (code)",
    );
    sql("ALTER TABLE orders OWNER TO app");
  });
  afterAll(() => stack?.remove());

  const sql = (text: string) =>
    execFileSync("docker", ["compose", "exec", "-T", "postgres", "psql", "-U", "postgres", "-d", "app", "-Atc", text], {
      cwd: stack.directory,
      encoding: "utf8",
    }).trim();
  const content = () =>
    sql(
      "SELECT count(*), md5(string_agg(code, '' ORDER BY i)), (SELECT tableowner FROM pg_tables WHERE tablename = 'orders') FROM orders",
    );
  const version = () => sql("SHOW server_version_num").slice(0, 2);
  const type = (lines: string) =>
    execFileSync("bash", ["-ec", lines], { cwd: stack.directory, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const say = (from: number, to: number) => {
    const path = join(stack.directory, "stack.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace(`version: ${from}`, `version: ${to}`));
  };

  test("started on the old volume, it says what is wrong, and the way back", async () => {
    say(16, 17);
    expect(await stack.run("generate", "--yes")).toMatchObject({ code: 0 });
    const { code, stderr } = await stack.run("start");
    expect(code).not.toBe(0);
    expect(stderr).toContain("its volume was made by another major version of Postgres");
    expect(stderr).toContain("RUNBOOK.md, New major version of Postgres");
    say(17, 16);
    expect(await stack.run("generate", "--yes")).toMatchObject({ code: 0 });
    expect(await stack.run("start")).toMatchObject({ code: 0 });
    expect(version()).toBe("16");
  });

  test("the runbook's lines bring all of it over, and back", async () => {
    const before = content();
    const runbook = readFileSync(join(stack.directory, "RUNBOOK.md"), "utf8");
    const [copy = "", over = ""] = shellBlocks(runbook, "New major version of Postgres");
    const id = /postgres: dump (\S+),/.exec(type(copy))?.[1] ?? "";
    expect(id).not.toBe("");
    say(16, 17);
    const said = type(
      over.replaceAll("ID", id).replace("generate", "generate --yes").replace("restore run", "restore run --yes"),
    );
    expect({ version: version(), content: content() }).toEqual({ version: "17", content: before });
    expect(await stack.run("status")).toMatchObject({ code: 0 });
    const undo = /\.\/prod\.sh restore undo \S+/.exec(said)?.[0] ?? "";
    say(17, 16);
    type(`./prod.sh generate --yes; ${undo} --yes; ./prod.sh start`);
    expect({ version: version(), content: content() }).toEqual({ version: "16", content: before });
  });
});
