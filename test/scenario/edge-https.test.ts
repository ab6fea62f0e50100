import { Readable } from "node:stream";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run } from "../../src/support/process.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type Answer, request } from "./edge-request.ts";
import { type EdgeStack, echoApp, edgeImages, edgeStack } from "./edge-stack.ts";

const megabyte = 1024 ** 2;

/** A body of so many pieces of one megabyte, with a pause before each. */
function slowly(pieces: number, pause: number): Readable {
  const piece = Buffer.alloc(megabyte);
  return Readable.from(
    (async function* () {
      for (let sent = 0; sent < pieces; sent += 1) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        yield piece;
      }
    })(),
  );
}

await describeWithDocker("an edge as it is by default", edgeImages, (engine) => {
  let stack: EdgeStack;
  let slowUpload: Promise<Answer>;
  const host = "web.localhost";
  const ask = (more: object = {}) => request({ port: stack.ports.https, host, trust: stack.authority, ...more });
  const echoed = (answer: Answer) => JSON.parse(answer.body) as { app: string; bytes: number; headers: object };

  beforeAll(async () => {
    const apps = [echoApp("web", host), echoApp("orders", `{ host: ${host}, path: /orders }`)];
    stack = await edgeStack({ engine, components: apps.join("\n") });
    await stack.up();
    // Longer than the 60 seconds that Traefik allows by default; the other tests go on meanwhile.
    slowUpload = ask({ method: "PUT", path: "/slow-upload", body: slowly(13, 5_000) });
    slowUpload.catch(() => {});
  });
  afterAll(() => stack?.remove());

  test("a request over HTTPS reaches the app, with a certificate that the stack's authority issued", async () => {
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(echoed(answer).app).toBe("web");
    expect(answer.issuer).toContain(`${stack.model.name} local authority`);
  });

  test("curl and openssl agree that the certificate is good, and only for its names", async () => {
    const ca = `${stack.directory}/secrets/local_authority`;
    const curl = (name: string) =>
      run([
        "curl",
        "-sS",
        "--cacert",
        ca,
        "--resolve",
        `${name}:${stack.ports.https}:127.0.0.1`,
        `https://${name}:${stack.ports.https}/`,
      ]);
    expect((await curl(host)).stdout).toContain('"app":"web"');
    expect((await curl("other.localhost")).code).not.toBe(0);
    const certificate = `${stack.directory}/secrets/local_certificate`;
    const verify = (name: string) =>
      run([
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        name,
        "-CAfile",
        ca,
        certificate,
      ]);
    expect((await verify(host)).code).toBe(0);
    expect((await verify("other.localhost")).code).not.toBe(0);
  });

  test("HTTP is sent to HTTPS, path and query included", async () => {
    const answer = await request({ port: stack.ports.http, host, path: "/a/b?c=d" });
    expect(answer.status).toBe(301);
    expect(answer.headers.location).toBe(`https://${host}:${stack.ports.https}/a/b?c=d`);
  });

  test("a path leads to its app by whole segments", async () => {
    const appAt = async (path: string) => echoed(await ask({ path })).app;
    expect(await appAt("/orders")).toBe("orders");
    expect(await appAt("/orders/7?x=y")).toBe("orders");
    expect(await appAt("/ordersheet")).toBe("web");
  });

  test("answers carry the security headers, and no word on what made them", async () => {
    const { headers } = await ask();
    expect(headers).toMatchObject({
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "strict-origin-when-cross-origin",
    });
    expect(headers["x-powered-by"]).toBeUndefined();
    expect(headers.server).toBeUndefined();
    // For a local name a browser would remember it longer than the authority may live.
    expect(headers["strict-transport-security"]).toBeUndefined();
  });

  test("long answers are compressed for those who can read it", async () => {
    const path = `/${"long".repeat(500)}`;
    expect((await ask({ path, headers: { "accept-encoding": "gzip" } })).headers["content-encoding"]).toBe("gzip");
    expect(
      (await ask({ path, headers: { "accept-encoding": "identity" } })).headers["content-encoding"],
    ).toBeUndefined();
  });

  test("TLS 1.2 is spoken, TLS 1.1 is refused by the server", async () => {
    expect((await ask({ maxVersion: "TLSv1.2" })).status).toBe(200);
    await expect(ask({ maxVersion: "TLSv1.1" })).rejects.toThrow("alert protocol version");
  });

  test("a name without a certificate is refused before any request", async () => {
    const socket = connect({
      host: "127.0.0.1",
      port: stack.ports.https,
      servername: "stranger.example",
      rejectUnauthorized: false,
    });
    const outcome = await new Promise<string>((resolve) => {
      socket.on("secureConnect", () => resolve("connected"));
      socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    socket.destroy();
    expect(outcome).toMatch(/^ERR_SSL_/);
  });

  test("a forged X-Forwarded-For and look-alike headers do not reach the app", async () => {
    const forged = {
      "x-forwarded-for": "6.6.6.6",
      "x-real-ip": "6.6.6.6",
      "x-forwarded-host": "evil.example",
      x_forwarded_user: "root",
    };
    const { headers } = echoed(await ask({ headers: forged }));
    expect(JSON.stringify(headers)).not.toMatch(/6\.6\.6\.6|evil|root/);
    expect(headers).toMatchObject({ "x-forwarded-proto": "https", "x-forwarded-host": host });
  });

  test("a path that hides a slash, a backslash or an end of text is refused", async () => {
    for (const path of ["/a%2Fb", "/a%5Cb", "/a%00b"]) expect((await ask({ path })).status).toBe(400);
    expect((await ask({ path: "/a%20b" })).status).toBe(200);
  });

  test("the API, the dashboard and the metrics are there for the container alone", async () => {
    const inside = await stack.exec("traefik", "wget", "-qO-", "http://127.0.0.1:8080/metrics");
    expect(inside.stdout).toContain("traefik_entrypoint_requests_total");
    const program = "fetch(process.argv[1]).then((r) => console.log(r.status), (e) => console.log(e.cause?.code))";
    const fromApp = async (url: string) => (await stack.exec("web", "node", "-e", program, url)).stdout.trim();
    for (const path of ["api/rawdata", "dashboard/", "metrics", "ping"])
      expect(await fromApp(`http://traefik:8080/${path}`)).toBe("ECONNREFUSED");
    for (const path of ["/api/rawdata", "/dashboard/", "/metrics", "/ping"])
      expect(echoed(await ask({ path })).app).toBe("web");
  });

  test("only the two published ports are open", async () => {
    const { stdout } = await stack.exec("traefik", "cat", "/proc/net/tcp", "/proc/net/tcp6");
    const listening = stdout.split("\n").flatMap((line) => {
      const [, local = "", , state] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      return state === "0A" ? [`${/^0+$/.test(address) ? "all" : address} ${Number.parseInt(port, 16)}`] : [];
    });
    const notDns = listening.filter((entry) => !entry.startsWith("0B00007F "));
    expect(notDns.sort()).toEqual(["0100007F 8080", "all 443", "all 80"]);
    const ids = (await stack.compose("ps", "-q")).stdout.trim().split("\n");
    expect(ids).toHaveLength(3);
    const ports = await Promise.all(ids.map(async (id) => (await run(["docker", "port", id])).stdout.split("\n")));
    expect(
      ports
        .flat()
        .filter((line) => line !== "")
        .sort(),
    ).toEqual([`443/tcp -> 0.0.0.0:${stack.ports.https}`, `80/tcp -> 0.0.0.0:${stack.ports.http}`]);
  });

  test("the access log knows requests, but no passwords, cookies or tokens", async () => {
    await ask({
      path: "/logged?token=planted-token",
      headers: { authorization: "Bearer planted-bearer", cookie: "session=planted-cookie" },
    });
    const { stdout } = await stack.compose("logs", "--no-color", "traefik");
    expect(stdout).toContain('"RequestPath":"/logged');
    expect(stdout).not.toContain("planted");
  });

  test("it runs without rights, on a read-only root", async () => {
    const id = await stack.container("traefik");
    const [inspected] = JSON.parse((await run(["docker", "inspect", id])).stdout) as [
      {
        Config: { User: string };
        HostConfig: Record<string, unknown>;
        Mounts: { Type: string; Source: string; Destination: string; RW: boolean }[];
      },
    ];
    expect(inspected.Config.User).toBe("65532:65532");
    expect(inspected.HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: null,
      Privileged: false,
      SecurityOpt: ["no-new-privileges:true"],
    });
    const folders = inspected.Mounts.filter((mount) => mount.Type === "bind" && !mount.Source.includes("/secrets/"));
    expect(folders.map((mount) => `${mount.Destination} ${mount.RW ? "writable" : "read-only"}`).sort()).toEqual([
      "/etc/traefik read-only",
      "/routes read-only",
    ]);
  });

  test("the health check fails where no Traefik answers", async () => {
    const settings = `${stack.directory}/config/traefik:/etc/traefik:ro`;
    const dead = await run(["docker", "run", "--rm", "-v", settings, "traefik:v3.7.11", "traefik", "healthcheck"]);
    expect(dead.code).toBe(1);
    expect(dead.stdout).toContain("connection refused");
  });

  test("an upload of 200 MB arrives in full", async () => {
    const answer = await ask({ method: "PUT", body: slowly(200, 0) });
    expect(echoed(answer).bytes).toBe(200 * megabyte);
  });

  test("an upload of more than a minute arrives in full", async () => {
    expect(echoed(await slowUpload).bytes).toBe(13 * megabyte);
  });
});
