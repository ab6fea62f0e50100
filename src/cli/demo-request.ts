import { request } from "node:https";

export interface DemoAnswer {
  status: number;
  body: string;
}

/** Requests a page from this machine's own edge under the host's name, trusting the stack's private authority alone. */
export function requestPage(options: {
  host: string;
  port: number;
  authority: string;
  signal: AbortSignal;
}): Promise<DemoAnswer> {
  const { host, port, authority, signal } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: "127.0.0.1",
        port,
        path: "/",
        servername: host,
        headers: { host },
        ca: authority,
        signal,
        timeout: 10_000,
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          body += piece;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
        response.on("error", reject);
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("no answer within 10 seconds")));
    asked.on("error", reject);
    asked.end();
  });
}
