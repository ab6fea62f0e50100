import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { onTestFinished } from "vitest";

/** An image registry on loopback with one image, `tiny:1`, and one that wants a login, `private:1`. */
export interface Registry {
  /** `127.0.0.1:43117` */
  host: string;
}

interface Blob {
  type: string;
  bytes: Buffer;
}

const manifestType = "application/vnd.docker.distribution.manifest.v2+json";

/** Speaks as much of the registry protocol as a pull needs. */
export async function startRegistry(files: Record<string, string>): Promise<Registry> {
  const blobs = new Map<string, Blob>();
  const put = (bytes: Buffer, type: string) => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    blobs.set(digest, { type, bytes });
    return { mediaType: type, size: bytes.length, digest };
  };
  const layer = tarOf(files);
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Cmd: ["/none"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${createHash("sha256").update(layer).digest("hex")}`] },
    history: [{ created: "2026-01-01T00:00:00Z" }],
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: manifestType,
    config: put(Buffer.from(JSON.stringify(config)), "application/vnd.docker.container.image.v1+json"),
    layers: [put(gzipSync(layer), "application/vnd.docker.image.rootfs.diff.tar.gzip")],
  };
  const { digest } = put(Buffer.from(JSON.stringify(manifest)), manifestType);
  const server = createServer((request, response) => answer(request, response, blobs, digest));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function answer(
  { url = "", method }: IncomingMessage,
  response: ServerResponse,
  blobs: ReadonlyMap<string, Blob>,
  manifest: string,
): void {
  const refuse = (status: number, code: string) =>
    response
      .writeHead(status, { "content-type": "application/json" })
      .end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace("_", " ") }] }));
  if (url === "/v2/") return void response.end("{}");
  if (url.startsWith("/v2/private/")) {
    response.setHeader("www-authenticate", 'Basic realm="registry"');
    return void refuse(401, "UNAUTHORIZED");
  }
  const [, name, kind, reference = ""] = /^\/v2\/([^/]+)\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
  if (name !== "tiny") return void refuse(404, "NAME_UNKNOWN");
  const blob = blobs.get(kind === "manifests" && reference === "1" ? manifest : reference);
  if (blob === undefined) return void refuse(404, kind === "manifests" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN");
  response.writeHead(200, {
    "content-type": blob.type,
    "content-length": blob.bytes.length,
    "docker-content-digest": kind === "manifests" ? manifest : reference,
  });
  response.end(method === "HEAD" ? undefined : blob.bytes);
}

/** A tar archive of executable files. */
function tarOf(files: Record<string, string>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const bytes = Buffer.from(content);
    const header = Buffer.alloc(512);
    const octal = (value: number, offset: number, length: number) =>
      header.write(value.toString(8).padStart(length - 1, "0"), offset);
    header.write(name, 0);
    octal(0o755, 100, 8);
    octal(0, 108, 8);
    octal(0, 116, 8);
    octal(bytes.length, 124, 12);
    octal(0, 136, 12);
    header.write("        ", 148);
    header.write("0", 156);
    header.write("ustar\u000000", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1_024)]);
}
