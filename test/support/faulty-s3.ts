import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One request, as a fault sees it. */
export interface Exchange {
  /** S3's name of what is asked: `UploadPart`. */
  operation: string;
  /** Key in the bucket, where there is one. */
  key: string;
  query: URLSearchParams;
  request: IncomingMessage;
  response: ServerResponse;
  /** The whole body of the request. */
  body(): Promise<Buffer>;
  /** Answers as a server in good health does. */
  proceed(): Promise<void>;
}

export type Behaviour = (exchange: Exchange) => void | Promise<void>;

interface StoredBytes {
  bytes: Buffer;
  tag: string;
  metadata: Record<string, string>;
  modifiedAt: Date;
}

interface Unfinished {
  key: string;
  initiated: Date;
  parts: Map<number, { bytes: Buffer; tag: string }>;
}

/**
 * An S3 server in memory that fails on command. It speaks as much of the protocol as a store needs, looks at Content-MD5
 * and at no signature.
 */
export interface FaultyS3 {
  endpoint: string;
  objects: Map<string, StoredBytes>;
  uploads: Map<string, Unfinished>;
  /** Operations in the order of their arrival. */
  asked: string[];
  /** Lets an operation behave like this, so many times, after so many that go well. */
  fault(operation: string, behaviour: Behaviour, when?: { times?: number; after?: number }): void;
  close(): Promise<void>;
}

export async function startFaultyS3(): Promise<FaultyS3> {
  const state = { objects: new Map<string, StoredBytes>(), uploads: new Map<string, Unfinished>() };
  const faults: { operation: string; behaviour: Behaviour; times: number; after: number }[] = [];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://server");
    const key = decodeURIComponent(url.pathname.split("/").slice(2).join("/"));
    const operation = operationOf(request.method ?? "", key, url.searchParams);
    asked.push(operation);
    let read: Promise<Buffer> | undefined;
    const body = () => {
      read ??= bodyOf(request);
      return read;
    };
    const exchange = { operation, key, query: url.searchParams, request, response, body };
    const proceed = async () => answers[operation]?.({ ...exchange, proceed }, state);
    const next = faults.find((fault) => fault.operation === operation && fault.times > 0);
    let behaviour: Behaviour = proceed;
    if (next !== undefined && next.after > 0) next.after -= 1;
    else if (next !== undefined) {
      next.times -= 1;
      behaviour = next.behaviour;
    }
    // A client that goes away in the middle is part of the play.
    Promise.resolve(behaviour({ ...exchange, proceed })).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...state,
    asked,
    fault(operation, behaviour, { times = 1, after = 0 } = {}) {
      faults.push({ operation, behaviour, times, after });
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** Answers with an error of S3. */
export function refuse(status: number, code: string, headers: Record<string, string> = {}): Behaviour {
  return async ({ body, request, response }) => {
    await body();
    response.writeHead(status, { "content-type": "application/xml", ...headers });
    response.end(
      request.method === "HEAD" ? undefined : xml(`<Error><Code>${code}</Code><Message>no</Message></Error>`),
    );
  };
}

/** Says nothing at all. */
export const silence: Behaviour = () => {};

/** Takes some of the body, then drops the connection. */
export function resetAfter(bytes: number): Behaviour {
  return ({ request }) => {
    let came = 0;
    request.on("data", (piece: Buffer) => {
      came += piece.length;
      if (came >= bytes) request.socket.destroy();
    });
  };
}

/** Does what was asked, and the answer is lost. */
export const loseAnswer: Behaviour = async ({ request, response, proceed }) => {
  const socket = request.socket;
  response.end = (() => {
    socket.destroy();
    return response;
  }) as typeof response.end;
  await proceed();
};

/** Announces the whole object and drops the connection after some bytes of it. */
export function cutShort(bytes: number): Behaviour {
  return async (exchange) => {
    const { response, request } = exchange;
    const end = response.end.bind(response);
    response.end = ((content?: Buffer) => {
      if (content === undefined || content.length <= bytes) return end(content);
      response.write(content.subarray(0, bytes), () => request.socket.destroy());
      return response;
    }) as typeof response.end;
    await exchange.proceed();
  };
}

/** Sends the answer in drops. */
export function drip(bytes: number, pause: number): Behaviour {
  return async (exchange) => {
    const { response } = exchange;
    const end = response.end.bind(response);
    response.end = ((content?: Buffer) => {
      let at = 0;
      const timer = setInterval(() => {
        if (response.destroyed || content === undefined || at >= content.length) {
          clearInterval(timer);
          end();
          return;
        }
        response.write(content.subarray(at, at + bytes));
        at += bytes;
      }, pause);
      return response;
    }) as typeof response.end;
    await exchange.proceed();
  };
}

/** Answers well but for the tag. */
export const wrongTag: Behaviour = async (exchange) => {
  exchange.response.setHeader("etag", `"${"0".repeat(32)}"`);
  const { response } = exchange;
  const write = response.writeHead.bind(response);
  response.writeHead = ((status: number, headers: Record<string, string> = {}) => {
    const { etag: _etag, ...rest } = headers;
    return write(status, rest);
  }) as typeof response.writeHead;
  await exchange.proceed();
};

function operationOf(method: string, key: string, query: URLSearchParams): string {
  if (key === "")
    return query.has("uploads") ? "ListMultipartUploads" : query.has("list-type") ? "ListObjectsV2" : "Bucket";
  if (method === "POST") return query.has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload";
  if (!query.has("uploadId"))
    return { PUT: "PutObject", GET: "GetObject", HEAD: "HeadObject", DELETE: "DeleteObject" }[method] ?? method;
  return { PUT: "UploadPart", GET: "ListParts", DELETE: "AbortMultipartUpload" }[method] ?? method;
}

interface State {
  objects: Map<string, StoredBytes>;
  uploads: Map<string, Unfinished>;
}

const answers: Record<string, (exchange: Exchange, state: State) => void | Promise<void>> = {
  async PutObject({ key, request, response, body }, { objects }) {
    const bytes = await body();
    if (!digestFits(request, bytes)) return fail(response, 400, "BadDigest");
    const metadata = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => name.startsWith("x-amz-meta-")),
    );
    objects.set(key, { bytes, tag: md5(bytes), metadata: metadata as Record<string, string>, modifiedAt: new Date() });
    response.writeHead(200, { etag: `"${md5(bytes)}"` }).end();
  },
  HeadObject({ key, response }, { objects }) {
    const found = objects.get(key);
    if (found === undefined) return void response.writeHead(404).end();
    response.writeHead(200, headersOf(found, found.bytes.length)).end();
  },
  GetObject({ key, request, response }, { objects }) {
    const found = objects.get(key);
    if (found === undefined) return fail(response, 404, "NoSuchKey");
    const wanted = request.headers["if-match"];
    if (wanted !== undefined && wanted.replaceAll('"', "") !== found.tag)
      return fail(response, 412, "PreconditionFailed");
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (from === undefined) return void response.writeHead(200, headersOf(found, found.bytes.length)).end(found.bytes);
    const part = found.bytes.subarray(Number(from), Number(to) + 1);
    const range = `bytes ${from}-${Number(from) + part.length - 1}/${found.bytes.length}`;
    response.writeHead(206, { ...headersOf(found, part.length), "content-range": range }).end(part);
  },
  DeleteObject({ key, response }, { objects }) {
    objects.delete(key);
    response.writeHead(204).end();
  },
  CreateMultipartUpload({ key, response }, { uploads }) {
    const id = `upload-${uploads.size + 1}`;
    uploads.set(id, { key, initiated: new Date(), parts: new Map() });
    response.end(xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`));
  },
  async UploadPart({ query, request, response, body }, { uploads }) {
    const bytes = await body();
    const upload = uploads.get(query.get("uploadId") ?? "");
    if (upload === undefined) return fail(response, 404, "NoSuchUpload");
    if (!digestFits(request, bytes)) return fail(response, 400, "BadDigest");
    upload.parts.set(Number(query.get("partNumber")), { bytes, tag: md5(bytes) });
    response.writeHead(200, { etag: `"${md5(bytes)}"` }).end();
  },
  ListParts({ query, response }, { uploads }) {
    const upload = uploads.get(query.get("uploadId") ?? "");
    if (upload === undefined) return fail(response, 404, "NoSuchUpload");
    const parts = [...upload.parts].map(
      ([n, { tag, bytes }]) =>
        `<Part><PartNumber>${n}</PartNumber><ETag>"${tag}"</ETag><Size>${bytes.length}</Size></Part>`,
    );
    response.end(xml(`<ListPartsResult>${parts.join("")}</ListPartsResult>`));
  },
  async CompleteMultipartUpload({ query, response, body }, { objects, uploads }) {
    const id = query.get("uploadId") ?? "";
    const upload = uploads.get(id);
    if (upload === undefined) return fail(response, 404, "NoSuchUpload");
    const numbers = [...(await body()).toString().matchAll(/<PartNumber>(\d+)</g)].map(([, n]) => Number(n));
    const parts = numbers.map((n) => upload.parts.get(n) ?? { bytes: Buffer.alloc(0), tag: "" });
    const tag = `${md5(Buffer.concat(parts.map((part) => Buffer.from(part.tag, "hex"))))}-${parts.length}`;
    objects.set(upload.key, {
      bytes: Buffer.concat(parts.map(({ bytes }) => bytes)),
      tag,
      metadata: {},
      modifiedAt: new Date(),
    });
    uploads.delete(id);
    response.end(xml(`<CompleteMultipartUploadResult><ETag>"${tag}"</ETag></CompleteMultipartUploadResult>`));
  },
  AbortMultipartUpload({ query, response }, { uploads }) {
    if (!uploads.delete(query.get("uploadId") ?? "")) return fail(response, 404, "NoSuchUpload");
    response.writeHead(204).end();
  },
  ListMultipartUploads({ query, response }, { uploads }) {
    const rows = [...uploads]
      .filter(([, { key }]) => key.startsWith(query.get("prefix") ?? ""))
      .map(
        ([id, { key, initiated }]) =>
          `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
      );
    response.end(xml(`<ListMultipartUploadsResult>${rows.join("")}</ListMultipartUploadsResult>`));
  },
  Bucket: ({ response }) => fail(response, 501, "NotImplemented"),
  /** Two objects a page, so that every list has several. */
  ListObjectsV2({ query, response }, { objects }) {
    const after = query.get("continuation-token") ?? "";
    const keys = [...objects.keys()].sort().filter((key) => key.startsWith(query.get("prefix") ?? "") && key > after);
    const page = keys.slice(0, 2);
    const encoded = query.get("encoding-type") === "url";
    const rows = page.map((key) => {
      const { bytes, modifiedAt } = objects.get(key) ?? { bytes: "", modifiedAt: new Date() };
      return `<Contents><Key>${encoded ? encodeURIComponent(key) : key}</Key><Size>${bytes.length}</Size><LastModified>${modifiedAt.toISOString()}</LastModified></Contents>`;
    });
    const more =
      keys.length > 2 ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${page[1]}</NextContinuationToken>` : "";
    response.end(
      xml(
        `<ListBucketResult>${encoded ? "<EncodingType>url</EncodingType>" : ""}${rows.join("")}${more}</ListBucketResult>`,
      ),
    );
  },
};

function headersOf({ tag, metadata, modifiedAt }: StoredBytes, length: number): Record<string, string> {
  return { etag: `"${tag}"`, "last-modified": modifiedAt.toUTCString(), "content-length": String(length), ...metadata };
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml" }).end(xml(`<Error><Code>${code}</Code></Error>`));
}

function digestFits(request: IncomingMessage, bytes: Buffer): boolean {
  return request.headers["content-md5"] === createHash("md5").update(bytes).digest("base64");
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}

function xml(content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${content}`;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
