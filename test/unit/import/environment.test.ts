import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { composeSecret } from "../../../src/generator/secret-files.ts";
import { routesOf } from "../../../src/import/routes.ts";
import { isSecret, secretsInWords } from "../../../src/import/secrets-in.ts";
import { importFiles, importText, reportOf } from "../../support/imported.ts";

/** Section of one component of the stack.yaml. */
function section(text: string, key = "web"): Record<string, unknown> {
  const { stackYaml } = importText(text);
  return (parse(stackYaml) as { components: Record<string, Record<string, unknown>> }).components[key] ?? {};
}

describe("what is a secret", () => {
  test.each([
    ["DB_PASSWORD", "x", true],
    ["PASSWORD", "123456", true],
    ["SECRET_KEY_BASE", "abc", true],
    ["DATABASE_URL", "postgres://me:pw@db/x", true],
    ["SENTRY_DSN", "https://a@b/1", true],
    ["DB_PASSWORD_FILE", "/run/secrets/x", false],
    ["ACCESS_TOKEN_EXPIRE_MINUTES", "30", false],
    ["ALLOW_EMPTY_PASSWORD", "yes", false],
    ["PUBLIC_URL", "https://example.com", false],
    ["DB_PASSWORD", "", false],
  ])("%s=%s: %s", (variable, value, expected) => {
    expect(isSecret(variable, value)).toBe(expected);
  });

  test.each([
    [["redis-server", "--requirepass", "x"], true],
    [["sh", "-c", "run --password=x"], true],
    [["run", "--password", "$PASSWORD"], false],
    [["run", "--port", "80"], false],
  ])("the words %j: %s", (words, expected) => {
    expect(secretsInWords(words)).toBe(expected);
  });
});

describe("routes of Traefik's labels", () => {
  test.each([
    ["Host(`a.example.com`)", ["a.example.com"], []],
    ["Host(`a.example.com`,`b.example.com`)", ["a.example.com", "b.example.com"], []],
    [
      "Host(`a.example.com`) && PathPrefix(`/api`) || Host(`b.example.com`)",
      [{ host: "a.example.com", path: "/api" }, "b.example.com"],
      [],
    ],
    ["HostRegexp(`.+`)", [], ["a part of the rule HostRegexp(`.+`)"]],
    [
      "Host(`10.0.0.1`)",
      [],
      ['the route 10.0.0.1 ("10.0.0.1" is an address; certificates are made for names, such as app.example.com)'],
    ],
  ])("%s", (rule, routes, lost) => {
    expect(routesOf({ "traefik.http.routers.x.rule": rule })).toEqual({ routes, lost });
  });

  test("those of Traefik 1, and none where it is switched off", () => {
    expect(routesOf({ "traefik.frontend.rule": "Host:a.example.com,b.example.com", "traefik.port": "80" })).toEqual({
      routes: ["a.example.com", "b.example.com"],
      port: 80,
      lost: [],
    });
    expect(
      routesOf({ "traefik.enable": "false", "traefik.http.routers.x.rule": "Host(`a.example.com`)" }).routes,
    ).toEqual([]);
  });
});

const withDatabase = (environment: string) => `
services:
  web: { build: ., environment: { ${environment} }, depends_on: [db] }
  db: { image: "postgres:17", environment: { POSTGRES_USER: me, POSTGRES_PASSWORD: old-login, POSTGRES_DB: shop } }
`;

describe("the environment of an app that uses a known server", () => {
  test("what the connection gives under the same name goes", () => {
    const web = section(withDatabase('DATABASE_URL: "postgres://me:old-login@db/shop", PGHOST: db, MODE: fast'));
    expect(web).toMatchObject({ uses: ["db"], env: { MODE: "fast" } });
    expect(web).not.toHaveProperty("secrets");
  });

  test("other names follow the new login: the password its file, user and database their new names", () => {
    expect(section(withDatabase("DB_PASS: old-login, DB_USER: me, DB_NAME: shop, DB_HOST: db"))).toMatchObject({
      env: { DB_USER: "shop", DB_NAME: "shop", DB_HOST: "db" },
      secrets: { DB_PASS: "db_shop" },
    });
  });

  test("an address under another name is written with the new login, known only when the files are there", () => {
    const { secrets, stackYaml } = importText(
      withDatabase('URI: "postgresql+asyncpg://me:old-login@db:5432/shop?x=1"'),
    );
    expect(secrets.map(({ name }) => name)).toEqual(["web_uri"]);
    const text = composeSecret(secrets[0]?.content ?? [], (name) => (name === "db_shop" ? "new/login" : undefined));
    expect(text).toBe("postgresql+asyncpg://shop:new%2Flogin@db:5432/shop?x=1");
    expect(stackYaml).not.toContain("old-login");
  });

  test("a value that is not here is asked for, and never guessed", () => {
    const imported = importText('services: { web: { build: ., environment: { API_KEY: "$KEY", MODE: "$MODE-x" } } }');
    expect(imported.report.todo).toContain("secrets/web_api_key: API_KEY of web (${KEY} has no value here)");
    expect(imported.secrets).toEqual([]);
    expect(reportOf(imported)).toContain("MODE: a variable in it has no value here");
  });

  test("a login of which only the variables' names are here follows all the same", () => {
    const text = `services:
  web: { build: ., environment: { DB_USER: $USER_X, DB_PASS: "\${PASS_X}" }, depends_on: [db] }
  db: { image: "postgres:17", environment: { POSTGRES_USER: $USER_X, POSTGRES_PASSWORD: $PASS_X, POSTGRES_DB: shop } }
`;
    expect(section(text)).toMatchObject({ env: { DB_USER: "shop" }, secrets: { DB_PASS: "db_shop" } });
    expect(importText(text).report.todo).toEqual(["build the image of web: docker build -t shop-web:1 /srv/shop"]);
  });

  test("a server that had no password asks for one now, and the report says under which names it comes", () => {
    const imported = importText(
      'services: { web: { build: ., environment: { MY_REDIS: cache }, depends_on: [cache] }, cache: { image: "redis:7" } }',
    );
    expect(reportOf(imported)).toContain(
      "web: cache asks for a login now. It comes as REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_USERNAME, REDIS_PASSWORD; where web reads another name write secrets: { THAT_NAME: cache_web } and env: { ITS_USER: web } in stack.yaml",
    );
  });
});

describe("what is mounted", () => {
  const files = {
    "docker-compose.yml": "",
    "data/x": "",
    "nginx.conf": "events {}\n",
    "app.conf": "password = hidden\n",
    "src/main.py": "print()",
  };
  const mounted = (mount: string, service = "image: nginx:1.29") =>
    importFiles({ ...files, "docker-compose.yml": `services: { web: { ${service}, volumes: ["${mount}"] } }` });

  test.each([
    [
      "./nginx.conf:/etc/nginx/nginx.conf:ro",
      "files:\n      - path: /etc/nginx/nginx.conf\n        content: |\n          events {}\n",
    ],
    ["./app.conf:/etc/app.conf:ro", "hostPaths:\n      - { source: /srv/shop/app.conf, path: /etc/app.conf }"],
    ["./data:/data", "volumes:\n      - { name: data, path: /data, backup: stop }"],
    ["./data:/data:ro", "hostPaths:\n      - { source: /srv/shop/data, path: /data }"],
    ["logs:/var/log/nginx", "volumes:\n      - { name: logs, path: /var/log/nginx, backup: stop }"],
  ])("%s", (mount, expected) => {
    expect(mounted(mount).stackYaml).toContain(expected);
  });

  test.each([
    [
      "/var/run/docker.sock:/var/run/docker.sock",
      "web: reaches the Docker engine (its socket is mounted) -> not mounted: whoever reaches it owns the server",
    ],
    ["/:/host:ro", "web: / of the host is mounted -> not mounted: it belongs to the system"],
    [
      "./gone.conf:/etc/gone.conf:ro",
      "web: /srv/shop/gone.conf is not there; without it /etc/gone.conf is what the image brings. Add it under files: in stack.yaml",
    ],
  ])("%s is told", (mount, expected) => {
    expect(reportOf(mounted(mount))).toContain(expected);
  });

  test("source code goes, data beside it stays", () => {
    expect(mounted("./src:/app/src", "build: .").stackYaml).not.toContain("/app/src");
    expect(mounted("./data:/app/data", "build: .").stackYaml).toContain("path: /app/data");
  });

  test("no value of a secret is in the text of a mounted file that is shown", () => {
    expect(mounted("./app.conf:/etc/app.conf:ro").stackYaml).not.toContain("hidden");
  });
});
