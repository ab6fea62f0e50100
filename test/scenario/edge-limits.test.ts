import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueCertificate, localAuthority } from "../../src/generator/certificates.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type Answer, request } from "./edge-request.ts";
import { type EdgeStack, echoApp, edgeImages, edgeStack } from "./edge-stack.ts";

const host = "shop.example.com";
const dashboard = "traefik.example.com";
const settings = [
  "certificates: files",
  "rateLimit: { average: 1, burst: 5 }",
  "maxBody: 1m",
  "timeouts: { read: 3s }",
  // The host's address on the stack's network is one of these.
  "trust: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]",
  `dashboard: { host: ${dashboard} }`,
].join(", ");

await describeWithDocker(
  "an edge with certificate files, limits, a trusted proxy and the dashboard",
  edgeImages,
  (engine) => {
    let stack: EdgeStack;
    let authority: string;
    let client = 0;
    /** Each request comes from another address, unless it says which. */
    const ask = (more: { headers?: Record<string, string>; [key: string]: unknown } = {}) => {
      client += 1;
      const headers = { "x-forwarded-for": `203.0.113.${client}`, ...more.headers };
      return request({ port: stack.ports.https, host, trust: authority, ...more, headers });
    };
    const echoed = (answer: Answer) => JSON.parse(answer.body) as { bytes: number; headers: Record<string, string> };

    beforeAll(async () => {
      const today = new Date();
      const ca = await localAuthority({ stack: "bought", today });
      const issued = await issueCertificate({ authority: ca, hosts: [host, dashboard], today });
      authority = ca.certificate;
      const hash = createHash("sha1").update("open sesame").digest("base64");
      stack = await edgeStack({
        engine,
        traefik: settings,
        components: echoApp("web", host),
        secrets: { tls_certificate: issued.certificate, tls_key: issued.key, traefik_users: `ops:{SHA}${hash}\n` },
      });
      await stack.up();
    });
    afterAll(() => stack?.remove());

    test("the user's certificate is served, and browsers are told to stay with HTTPS", async () => {
      const answer = await ask();
      expect(answer.issuer).toContain("bought local authority");
      expect(answer.headers["strict-transport-security"]).toBe("max-age=31536000");
    });

    test("a trusted proxy's word on the client's address reaches the app", async () => {
      const { headers } = echoed(await ask({ headers: { "x-forwarded-for": "198.51.100.7" } }));
      expect(headers["x-forwarded-for"]).toMatch(/^198\.51\.100\.7, /);
    });

    test("one client is slowed down with 429 after its burst, another is not", async () => {
      const busy = { headers: { "x-forwarded-for": "198.51.100.20" } };
      const statuses: number[] = [];
      for (let sent = 0; sent < 12; sent += 1) statuses.push((await ask(busy)).status);
      expect(statuses.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
      expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(5);
      expect((await ask({ headers: { "x-forwarded-for": "198.51.100.21" } })).status).toBe(200);
    });

    test("a body up to the limit passes, one above it does not, with or without a stated length", async () => {
      const megabyte = 1024 ** 2;
      const put = (bytes: number) => ask({ method: "PUT", body: "x".repeat(bytes) });
      expect(echoed(await put(megabyte)).bytes).toBe(megabyte);
      expect((await put(megabyte + 1)).status).toBe(413);
      const chunked = Readable.from([Buffer.alloc(megabyte), Buffer.alloc(megabyte)]);
      expect((await ask({ method: "PUT", body: chunked })).status).toBe(413);
    });

    test("the time for a request is the one that was asked for", async () => {
      const trickle = (seconds: number) =>
        Readable.from(
          (async function* () {
            for (let sent = 0; sent < seconds * 2; sent += 1) {
              await new Promise((resolve) => setTimeout(resolve, 500));
              yield Buffer.from("x");
            }
          })(),
        );
      expect(echoed(await ask({ method: "PUT", body: trickle(1) })).bytes).toBe(2);
      const late = await ask({ method: "PUT", body: trickle(5) }).then(
        ({ status }) => status,
        (error: NodeJS.ErrnoException) => error.code,
      );
      expect(late).not.toBe(200);
    });

    test("the dashboard and the API behind it open with the password alone", async () => {
      const look = async (path: string, password?: string) => {
        const authorization = `Basic ${Buffer.from(`ops:${password}`).toString("base64")}`;
        return (await ask({ host: dashboard, path, ...(password && { headers: { authorization } }) })).status;
      };
      expect(await look("/dashboard/")).toBe(401);
      expect(await look("/api/rawdata")).toBe(401);
      expect(await look("/api/rawdata", "wrong")).toBe(401);
      expect(await look("/api/rawdata", "open sesame")).toBe(200);
      expect(await look("/dashboard/", "open sesame")).toBe(200);
    });
  },
);
