import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { engineName } from "../../src/operations/engine-name.ts";
import { runGenerate } from "../../src/operations/generate.ts";
import { runStart } from "../../src/operations/start.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { inParallel } from "../../src/support/parallel.ts";
import { catalogue } from "../support/catalogue.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type GeneratedStack, generatedStack } from "../support/generated-stack.ts";

const image = "nginx:1.30.6";
const exporter = "nginx/nginx-prometheus-exporter:1.5.1";
const node = "node:22-trixie-slim";

/** Says which container it is, and what came with the request. */
const echo = `require("http").createServer((request, answer) => {
  let bytes = 0;
  request.on("data", (piece) => (bytes += piece.length));
  request.on("end", () => answer.end(JSON.stringify({ from: require("os").hostname(), url: request.url, headers: request.headers, bytes })));
}).listen(3000)`;

const components = (snippet: string) => `
  server:
    type: app
    image: ${node}
    entrypoint: [node, -e, ${JSON.stringify(echo.replaceAll("\n", " "))}]
    user: "1000:1000"
    port: 3000
    replicas: 2
    stopGrace: 1s
    health: { exec: ["true"], interval: 2s }
    limits: { memory: 96m }
  nginx:
    site: { fallback: /index.html, cache: { /assets: 365d } }
    upstreams:
      /api: { app: server, strip: true }
      /busy: { app: server, balance: least-conn }
      /same: { app: server, balance: ip-hash }
    snippet: ${JSON.stringify(snippet)}
    limits: { memory: 64m }
`;

const text = `console.log("${"something long enough to be worth it ".repeat(60)}")`;

await describeWithDocker("nginx", [image, exporter, node], (engine: Engine) => {
  let stack: GeneratedStack;
  const site = (name: string) => join(stack.directory, "site", name);
  const put = (name: string, content: string) => {
    mkdirSync(join(site(name), ".."), { recursive: true });
    writeFileSync(site(name), content);
  };
  const idOf = async (service: string) => (await stack.containers(service))[0]?.id ?? "";
  const addressOf = async () => (await engine.address(await idOf("nginx"), engineName(stack.model, "apps"))) ?? "";
  const get = async (path: string, init: RequestInit = {}) =>
    fetch(`http://${await addressOf()}:8080${path}`, { redirect: "manual", ...init });
  const echoed = async (path: string, init?: RequestInit) =>
    (await (await get(path, init)).json()) as {
      from: string;
      url: string;
      headers: Record<string, string>;
      bytes: number;
    };
  /** Which containers answered these many requests, a few at a time; a request that failed is told by its code. */
  async function answering(path: string, count: number): Promise<Map<string, number>> {
    const seen = new Map<string, number>();
    const at = `http://${await addressOf()}:8080${path}`;
    await inParallel(Array.from({ length: count }), 4, async () => {
      const answer = await fetch(at);
      const from = answer.ok ? ((await answer.json()) as { from: string }).from : `code ${answer.status}`;
      seen.set(from, (seen.get(from) ?? 0) + 1);
    });
    return seen;
  }
  /** stack.yaml with another snippet, and the files made of it. */
  async function change(snippet: string): Promise<void> {
    writeFileSync(
      join(stack.directory, "stack.yaml"),
      `name: ${stack.model.name}\ncomponents:\n${components(snippet)}`,
    );
    const carried = { version: "0.0.0", door: "#!/bin/sh\n" };
    await runGenerate({ directory: stack.directory, catalogue, carried, today: new Date() });
  }
  const modelNow = () => JSON.parse(readFileSync(join(stack.directory, ".stack/model.json"), "utf8")) as StackModel;
  const start = () => runStart({ ...stack.context(), model: modelNow() }, { overcommit: true });
  async function inspected(): Promise<{
    facts: Record<string, string>;
    problems: { message: string; hint: string }[];
  }> {
    const [inspection] = stack.model.inspections;
    const { stdout, stderr } = await engine.exec(await idOf("nginx"), inspection?.command ?? []);
    expect(stderr).toBe("");
    return JSON.parse(stdout);
  }

  beforeAll(async () => {
    stack = await generatedStack(engine, components("location = /old { return 301 /new; }\nadd_header X-Made-By us;"));
    put("index.html", "<h1>home</h1>");
    put("assets/app.3f9a1c.js", text);
    put("docs/index.html", "documents");
    put(".git/config", "not for everybody");
    await start();
  });
  afterAll(async () => stack?.remove());

  test("files are asked for anew each time, and cost nothing when they are the same", async () => {
    const first = await get("/");
    expect(await first.text()).toBe("<h1>home</h1>");
    expect(Object.fromEntries(first.headers)).toMatchObject({
      "cache-control": "no-cache",
      "content-type": "text/html; charset=utf-8",
      "x-made-by": "us",
      server: "nginx",
    });
    const again = await get("/", { headers: { "if-none-match": first.headers.get("etag") ?? "" } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
    put("index.html", "<h1>changed</h1>");
    expect(await (await get("/")).text()).toBe("<h1>changed</h1>");
  });

  test("what has its content in its name is kept, and text is sent small", async () => {
    const asset = await get("/assets/app.3f9a1c.js");
    expect(asset.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    const small = execFileSync("curl", [
      "-s",
      "-i",
      "-H",
      "Accept-Encoding: gzip",
      `http://${await addressOf()}:8080/assets/app.3f9a1c.js`,
    ]);
    const end = small.indexOf("\r\n\r\n");
    expect(small.subarray(0, end).toString()).toMatch(/Content-Encoding: gzip[\s\S]*/i);
    expect(small.subarray(0, end).toString()).toMatch(/Vary: Accept-Encoding/i);
    expect(small.toString("latin1")).toMatch(/Transfer-Encoding: chunked/i);
    const whole = execFileSync("curl", [
      "-s",
      "-H",
      "Accept-Encoding: gzip",
      `http://${await addressOf()}:8080/assets/app.3f9a1c.js`,
    ]);
    expect(whole.length).toBeLessThan(text.length / 5);
    expect(gunzipSync(whole).toString()).toBe(text);
  });

  test("a page that only the application knows is the application; a missing file of its is not", async () => {
    const page = await get("/some/page?a=b");
    expect([page.status, await page.text(), page.headers.get("cache-control")]).toEqual([
      200,
      "<h1>changed</h1>",
      "no-cache",
    ]);
    expect((await get("/assets/gone.js")).status).toBe(404);
    expect((await get("/.git/config")).status).toBe(404);
    expect((await get("/docs")).headers.get("location")).toBe("/docs/");
    expect((await get("/old")).headers.get("location")).toBe("/new");
  });

  test("requests reach the app with what Traefik said of the visitor, without the beginning of the path", async () => {
    const { url, headers, bytes } = await echoed("/api/users/1?x=y", {
      method: "POST",
      body: Buffer.alloc(3_000_000),
      headers: { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" },
    });
    expect([url, bytes]).toEqual(["/users/1?x=y", 3_000_000]);
    expect(headers["x-forwarded-for"]).toMatch(/^203\.0\.113\.7, [\d.]+$/);
    expect(headers).toMatchObject({
      "x-real-ip": "203.0.113.7",
      "x-forwarded-proto": "https",
      host: `${await addressOf()}:8080`,
    });
    expect((await echoed("/api")).url).toBe("/");
    expect((await echoed("/busy/a")).url).toBe("/busy/a");
    expect(await (await get("/apix")).text()).toBe("<h1>changed</h1>");
  });

  test("requests are shared, and a visitor who is to stay stays", async () => {
    expect([...(await answering("/api/", 40)).values()].every((count) => count >= 10)).toBe(true);
    expect((await answering("/api/", 40)).size).toBe(2);
    expect((await answering("/busy/", 40)).size).toBe(2);
    expect((await answering("/same/", 20)).size).toBe(1);
  });

  test("a container that dies costs no request, and one that comes gets some", async () => {
    const [victim] = await stack.containers("server");
    const during = answering("/api/", 1_000);
    // It does not come back by itself: somebody asked for it.
    execFileSync("docker", ["kill", victim?.id ?? ""]);
    const seen = await during;
    expect([...seen.keys()].filter((name) => name.startsWith("code"))).toEqual([]);
    const after = await answering("/api/", 40);
    expect([...after.keys()]).toHaveLength(1);
    // With another address, as after a deploy.
    execFileSync("docker", ["rm", victim?.id ?? ""]);
    expect((await stack.compose("up", "-d", "--no-recreate", "server")).code).toBe(0);
    await expect.poll(async () => (await answering("/api/", 20)).size, { timeout: 20_000 }).toBe(2);
  });

  test("where no container is there the site still is", async () => {
    await stack.compose("stop", "server");
    await expect.poll(async () => (await get("/api/")).status, { timeout: 20_000 }).toBe(502);
    expect((await get("/")).status).toBe(200);
    expect((await inspected()).problems).toContainEqual({
      message: "no container of server is there for requests",
      hint: "./prod.sh logs server --tail 50",
    });
    await stack.compose("start", "server");
    await expect.poll(async () => (await get("/api/")).status, { timeout: 20_000 }).toBe(200);
  });

  test("status tells of files that visitors cannot get", async () => {
    expect(await inspected()).toEqual({ facts: { files: "4", server: "2 containers" }, problems: [] });
    put("private.html", "x");
    chmodSync(site("private.html"), 0o600);
    rmSync(site("index.html"));
    const { problems } = await inspected();
    expect(problems).toEqual([
      {
        message: "1 files of the site cannot be read by the web server, which answers 403",
        hint: "chmod -R a+rX site",
      },
      { message: "the site has no /index.html", hint: "copy its files to site/" },
    ]);
    expect((await get("/private.html")).status).toBe(403);
    expect((await get("/nothing")).status).toBe(404);
    put("index.html", "<h1>changed</h1>");
    rmSync(site("private.html"));
  });

  test("a changed configuration counts after a start; one that is wrong is told, and what ran still runs", async () => {
    await change("location = /old { return 301 /newer; }");
    await start();
    expect((await get("/old")).headers.get("location")).toBe("/newer");
    const before = await idOf("nginx");
    await change("location = /old { retrun 301 /newest; }");
    const error = await start().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "configuration-refused", exit: "invalidInput" });
    expect((error as Error).message).toMatch(
      /^nginx refuses its configuration: .*unknown directive "retrun" in .*nginx\.conf:\d+/,
    );
    expect((error as Error).message).not.toContain("\n");
    expect(await idOf("nginx")).toBe(before);
    expect((await get("/old")).headers.get("location")).toBe("/newer");
    await change("location = /old { return 301 /newest; }");
    await start();
    expect((await get("/old")).headers.get("location")).toBe("/newest");
  });

  test("runs hardened, as nobody in particular", async () => {
    const inspect = JSON.parse(execFileSync("docker", ["inspect", await idOf("nginx")], { encoding: "utf8" }));
    const { User } = inspect[0].Config;
    const { CapDrop, ReadonlyRootfs, SecurityOpt } = inspect[0].HostConfig;
    expect([User, CapDrop, ReadonlyRootfs, SecurityOpt]).toEqual([
      "101:101",
      ["ALL"],
      true,
      ["no-new-privileges:true"],
    ]);
    const written = await engine.exec(await idOf("nginx"), [
      "sh",
      "-c",
      "echo x > /srv/site/x; echo x > /etc/nginx/stack/x",
    ]);
    expect(written.stderr.match(/Read-only file system/g)).toHaveLength(2);
  });

  test("its exporter reads its figures, and the health check fails where nothing listens", async () => {
    const id = await idOf("nginx");
    const name = `${stack.model.name}-exporter`;
    const uri = "--nginx.scrape-uri=http://127.0.0.1:8081/status";
    execFileSync("docker", [
      "run",
      "-d",
      "--rm",
      "--name",
      name,
      "--read-only",
      "--network",
      `container:${id}`,
      exporter,
      uri,
    ]);
    try {
      const metrics = async () => (await fetch(`http://${await addressOf()}:9113/metrics`)).text();
      await expect.poll(() => metrics().catch(String), { timeout: 20_000 }).toMatch(/^nginx_up 1$/m);
      const text = await metrics();
      for (const metric of ["connections_active", "connections_accepted", "connections_handled", "http_requests_total"])
        expect(text).toMatch(new RegExp(`^nginx_${metric} [1-9]`, "m"));
    } finally {
      execFileSync("docker", ["rm", "-f", name]);
    }
    const [, ...check] = stack.model.services.find((service) => service.name === "nginx")?.healthcheck?.test ?? [];
    expect((await engine.exec(id, check)).exitCode).toBe(0);
    expect(
      (
        await engine.exec(
          id,
          check.map((word) => word.replace("8081", "8089")),
        )
      ).exitCode,
    ).not.toBe(0);
  });

  test("stops in order", async () => {
    const id = await idOf("nginx");
    await stack.compose("stop", "nginx");
    const code = execFileSync("docker", ["inspect", "--format", "{{.State.ExitCode}}", id], { encoding: "utf8" });
    expect(code.trim()).toBe("0");
  });
});
