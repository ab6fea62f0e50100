import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { resolveInRegistry } from "../../src/engine/image-digest.ts";
import { describeWithDocker } from "../support/docker.ts";

const index = JSON.stringify({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.index.v1+json",
  manifests: [],
});
const digest = `sha256:${createHash("sha256").update(index).digest("hex")}`;

/** A registry on loopback, which Docker's client speaks to without TLS. It knows one image. */
function startRegistry(): Promise<{ server: Server; host: string }> {
  const server = createServer((request, response) => {
    const json = { "content-type": "application/json" };
    if (request.url?.startsWith("/v2/you/secret")) {
      response.writeHead(401, { ...json, "www-authenticate": 'Basic realm="test"' });
      response.end('{"errors":[{"code":"UNAUTHORIZED"}]}');
    } else if (request.url === "/v2/you/app/manifests/1.0" || request.url === `/v2/you/app/manifests/${digest}`) {
      response.writeHead(200, {
        "content-type": "application/vnd.oci.image.index.v1+json",
        "docker-content-digest": digest,
        "content-length": Buffer.byteLength(index),
      });
      response.end(request.method === "HEAD" ? undefined : index);
    } else {
      response.writeHead(404, json);
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
    }
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve({ server, host: `localhost:${typeof address === "object" ? address?.port : ""}` });
    });
  });
}

await describeWithDocker("asking a registry through Docker's client", [], () => {
  let registry: Awaited<ReturnType<typeof startRegistry>>;

  beforeAll(async () => {
    registry = await startRegistry();
  });

  afterAll(() => registry.server.close());

  test("the digest of the index, the same for every platform", async () => {
    expect(await resolveInRegistry(`${registry.host}/you/app:1.0`)).toEqual({ digest });
  });

  test("a tag that does not exist", async () => {
    expect(await resolveInRegistry(`${registry.host}/you/app:2.0`)).toEqual({
      reason: `${registry.host} has no such image or tag`,
    });
  });

  test("an image that wants a login: says how", async () => {
    expect(await resolveInRegistry(`${registry.host}/you/secret:1`)).toEqual({
      reason: `${registry.host} refuses it, or has no such image; for a private one: docker login ${registry.host}`,
    });
  });

  test("a registry that cannot be reached", async () => {
    expect(await resolveInRegistry("localhost:1/you/app:1")).toEqual({
      reason: "localhost:1 cannot be reached: dial tcp 127.0.0.1:1: connect: connection refused",
    });
  });

  test("gives up when it is told to", async () => {
    const stopped = new Error("stopped");
    await expect(resolveInRegistry(`${registry.host}/you/app:1.0`, AbortSignal.abort(stopped))).rejects.toBe(stopped);
  });
});
