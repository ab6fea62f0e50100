import { spawn, spawnSync } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import type { SecretFile, StackModel } from "../../../src/stack/model.ts";
import type { Service } from "../../../src/stack/service.ts";
import { appWith, modelOf, stackOf } from "../../support/catalogue.ts";

function service(model: StackModel, name: string): Service {
  const found = model.services.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no service ${name}`);
  return found;
}

function web(lines: string): Service {
  return service(modelOf(appWith(lines)), "web");
}

function secretFile(model: StackModel, name: string): SecretFile | undefined {
  return model.secrets.find((file) => file.name === name);
}

/** The text of a composed secret, with each secret in it as `<name encoding>`. */
function textOf(file: SecretFile | undefined): string {
  if (file?.kind !== "composed") throw new Error("not a composed secret");
  return file.content.map((part) => (typeof part === "string" ? part : `<${part.secret} ${part.encoding}>`)).join("");
}

const withDatabase = (lines: string) =>
  modelOf(stackOf(`web: { type: app, image: foo/web:1, uses: [postgres], ${lines} }\npostgres: {}`));

describe("what an app finds in its environment", () => {
  test("what holds no secret stands in the environment, the rest in a file that only root reads", () => {
    const model = withDatabase("env: { MODE: fast }");
    const app = service(model, "web");
    expect(app.environment).toMatchObject({ MODE: "fast", PGHOST: "postgres", PGUSER: "web" });
    expect(Object.keys(app.environment).filter((name) => /PASSWORD|URL/.test(name))).toEqual([]);
    expect([app.envFiles, app.secrets]).toEqual([["secrets/web.env"], []]);
    const file = secretFile(model, "web.env");
    expect(file).toMatchObject({ kind: "composed", mode: 0o600 });
    expect(textOf(file)).toContain("\nPGPASSWORD=<postgres_web plain>\n");
    expect(textOf(file)).toContain("DATABASE_URL=postgresql://web:<postgres_web uri>@postgres:5432/web");
  });

  test("connections: files gives each secret as a file of its own and its path in NAME_FILE", () => {
    const model = withDatabase("connections: files");
    const app = service(model, "web");
    expect(app.environment.DATABASE_URL_FILE).toBe("/run/secrets/web_database_url");
    expect(app.environment.PGPASSWORD_FILE).toBe("/run/secrets/web_pgpassword");
    expect(app.envFiles).toEqual([]);
    expect(app.secrets).toEqual(["web_database_url", "web_pgpassword"]);
    expect(secretFile(model, "web_database_url")).toMatchObject({ kind: "composed", mode: 0o444 });
  });

  test("the user's own word wins over what a connection offers, and no secret is made of it", () => {
    const model = withDatabase("env: { DATABASE_URL: mine, PGHOST: pooler }");
    expect(service(model, "web").environment).toMatchObject({ DATABASE_URL: "mine", PGHOST: "pooler" });
    expect(textOf(secretFile(model, "web.env"))).not.toContain("DATABASE_URL");
  });

  test("a supplied secret is asked for once and passed on under its variable", () => {
    const model = modelOf(appWith("secrets: { SENTRY_DSN: sentry }"));
    expect(secretFile(model, "sentry")).toMatchObject({ kind: "supplied" });
    expect(textOf(secretFile(model, "web.env"))).toContain("\nSENTRY_DSN=<sentry plain>\n");
  });

  test("a secret that the stack makes can be named too, and is made all the same", () => {
    const model = withDatabase("secrets: { DB_PASS: postgres_web }");
    expect(secretFile(model, "postgres_web")).toMatchObject({ kind: "random" });
    expect(textOf(secretFile(model, "web.env"))).toContain("\nDB_PASS=<postgres_web plain>\n");
  });

  test("an app without secrets has no file", () => {
    const model = modelOf(appWith("env: { A: 1 }"));
    expect([service(model, "web").envFiles, model.secrets]).toEqual([[], []]);
  });

  test("an app that another one uses is found under its name, and waited for", () => {
    const model = modelOf(
      stackOf(
        "web: { type: app, image: foo/web:1, uses: [my-api] }\nmy-api: { type: app, image: foo/api:1, port: 8080 }",
      ),
    );
    expect(service(model, "web").environment).toEqual({ MY_API_URL: "http://my-api:8080" });
    expect(service(model, "web").dependsOn).toEqual([{ service: "my-api", condition: "service_healthy" }]);
  });
});

describe("where an app stands", () => {
  test("a worker is among the apps alone; a routed app also with the proxy; a user of data also with these", () => {
    expect(web("command: [work]").networks).toEqual(["apps"]);
    const model = modelOf(
      stackOf(
        "traefik: {}\nredis: {}\nweb: { type: app, image: foo/web:1, port: 1, routes: [web.localhost], uses: [redis] }",
      ),
    );
    expect(service(model, "web").networks).toEqual(["edge", "apps", "redis"]);
  });

  test("its image is told apart by one line in .env", () => {
    const model = modelOf(stackOf("my-api: { type: app, image: foo/api:1 }"));
    expect(service(model, "my-api").tagVariable).toBe("MY_API_TAG");
  });

  test("published ports listen on this machine alone unless another address is asked for", () => {
    expect(
      web("publish: [{ port: 25, target: 2525 }, { port: 53, target: 53, host: 0.0.0.0, protocol: udp }]").ports,
    ).toEqual([
      { host: "127.0.0.1", published: 25, target: 2525, protocol: "tcp" },
      { host: "0.0.0.0", published: 53, target: 53, protocol: "udp" },
    ]);
  });
});

describe("what an app is excused from", () => {
  const rules = (lines: string) => web(lines).exceptions.map(({ rule }) => rule);

  test.each([
    ['port: 1\nuser: "1000:1000"', []],
    ["port: 1", ["non-root"]],
    ['port: 1\nuser: "0:0"', ["non-root"]],
    ['port: 1\nuser: "1000"\nwritableRoot: true', ["read-only-root"]],
    ['user: "1000"', ["healthcheck"]],
  ])("%s: %j", (lines, expected) => {
    expect(rules(lines)).toEqual(expected);
  });
});

describe("volumes and folders", () => {
  test("volumes are named after the app; with a user of its own a first step hands them over", () => {
    const model = modelOf(appWith('user: "1000:1000"\nvolumes: [{ name: data, path: /data }]'));
    expect(model.volumes.map((volume) => volume.name)).toEqual(["web-data"]);
    const setup = service(model, "web-setup");
    expect([setup.class, setup.command, setup.networks]).toEqual(["one-shot", ["chown", "1000:1000", "/data"], []]);
    expect(service(model, "web").dependsOn).toEqual([
      { service: "web-setup", condition: "service_completed_successfully" },
    ]);
  });

  test("without a user there is nothing to hand over", () => {
    const model = modelOf(appWith("volumes: [{ name: data, path: /data }]"));
    expect(model.services.map(({ name }) => name)).toEqual(["web"]);
  });

  test("backup: none keeps a volume out of the data that a backup needs", () => {
    const model = modelOf(
      appWith("volumes: [{ name: data, path: /data }, { name: cache, path: /cache, backup: none }]"),
    );
    expect(model.dataSources.map(({ name }) => name)).toEqual(["web-data"]);
  });

  test("writable folders are in memory, beside /tmp", () => {
    expect(web("writable: [/cache]").tmpfs.map(({ target }) => target)).toEqual(["/tmp", "/cache"]);
  });
});

describe("migrate and seed", () => {
  const model = withDatabase(
    "port: 1, replicas: 3, migrate: { command: [up], timeout: 2m }, seed: [fill], publish: [], secrets: { KEY: key }",
  );

  test("are jobs of the same image, environment and secrets, without ports, replicas or health check", () => {
    const [app, migrate, seed] = ["web", "web-migrate", "web-seed"].map((name) => service(model, name));
    for (const job of [migrate, seed]) {
      expect(job).toMatchObject({ class: "job", image: app?.image, envFiles: app?.envFiles, replicas: 1, ports: [] });
      expect([job?.healthcheck, job?.environment, job?.tagVariable]).toEqual([
        undefined,
        app?.environment,
        app?.tagVariable,
      ]);
    }
    expect([migrate?.command, seed?.command]).toEqual([["up"], ["fill"]]);
  });

  test("are told to the supervisor with their time, what they need and whose lock they take", () => {
    expect(model.migrations).toEqual([
      expect.objectContaining({
        app: "web",
        service: "web-migrate",
        seedService: "web-seed",
        timeout: 120_000,
        needs: ["postgres"],
        postgres: { service: "postgres", database: "web", user: "web" },
      }),
    ]);
  });
});

describe("the health check", () => {
  const testOf = (lines: string) => web(lines).healthcheck?.test ?? [];

  test("runs the command that it is given, without a shell", () => {
    expect(testOf("health: { exec: [check, --fast] }")).toEqual(["CMD", "check", "--fast"]);
  });

  test("takes its times from stack.yaml", () => {
    const check = web("port: 1\nhealth: { path: /, interval: 7s, timeout: 3s, startup: 2m, retries: 5 }").healthcheck;
    expect(check).toMatchObject({ interval: 7_000, timeout: 3_000, startPeriod: 120_000, retries: 5 });
  });

  test("of a path asks with whichever client is there, also for a path with a question", async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? "");
      response.statusCode = request.url === "/health?deep=1&all=1" ? 200 : 500;
      response.end();
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const check = async (path: string) => {
      const [kind, script = ""] = testOf(`port: ${port}\nhealth: ${path}`);
      expect(kind).toBe("CMD-SHELL");
      return runShell(script);
    };
    expect(await check("/health?deep=1&all=1")).toBe(0);
    expect(await check("/broken?deep=1&all=1")).toBe(1);
    expect([...new Set(asked)]).toEqual(["/health?deep=1&all=1", "/broken?deep=1&all=1"]);
    server.close();
  });

  test("without a path looks whether something listens", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const [, script = ""] = testOf(`port: ${port}`);
    const isLinux = process.platform === "linux";
    expect(await runShell(script)).toBe(isLinux ? 0 : 1);
    await new Promise((resolve) => server.close(resolve));
    expect(spawnSync("sh", ["-c", script]).status).toBe(1);
  });
});

/** Exit code of a script; not waited for in this process alone, whose server is to answer meanwhile. */
function runShell(script: string): Promise<number> {
  return new Promise((resolve) => {
    spawn("sh", ["-c", script], { stdio: "ignore" }).on("close", (code) => resolve(code ?? -1));
  });
}
