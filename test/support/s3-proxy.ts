import { createServer, request as send } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands before an S3 server, counts parts of uploads, and can keep them from going on. */
export interface S3Proxy {
  endpoint: string;
  /** Numbers of the parts that the server took. */
  taken: number[];
  /** Lets so many more parts through; those after them are answered never. */
  allowed: number;
  close(): Promise<void>;
}

export async function startS3Proxy(endpoint: string): Promise<S3Proxy> {
  const { hostname, port } = new URL(endpoint);
  const taken: number[] = [];
  const server = createServer((request, response) => {
    const part = /[?&]partNumber=(\d+)/.exec(request.url ?? "")?.[1];
    if (part !== undefined && request.method === "PUT") {
      if (proxy.allowed <= 0) return;
      proxy.allowed -= 1;
    }
    const { method, url: path, headers } = request;
    const onward = send({ hostname, port, method, path, headers }, (answer) => {
      if (part !== undefined && answer.statusCode === 200) taken.push(Number(part));
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.on("error", () => onward.destroy());
    request.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const proxy: S3Proxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken,
    allowed: Number.POSITIVE_INFINITY,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return proxy;
}
