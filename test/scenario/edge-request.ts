import { request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import type { Readable } from "node:stream";

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** Issuer of the certificate, in the words of its subject. */
  issuer: string;
}

export interface RequestOptions {
  port: number;
  host: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string | Readable;
  /** Certificate to trust; undefined: plain HTTP. */
  trust?: string;
  maxVersion?: "TLSv1.1" | "TLSv1.2" | "TLSv1.3";
}

/** One request to this host as if the name led here; the certificate is checked against `trust`. */
export function request(options: RequestOptions): Promise<Answer> {
  const { port, host, path = "/", method = "GET", headers = {}, body, trust } = options;
  return new Promise((resolve, reject) => {
    const common = { host: "127.0.0.1", port, path, method, headers: { host, ...headers }, agent: false as const };
    const tls = {
      servername: host,
      ca: trust,
      ...(options.maxVersion && {
        minVersion: "TLSv1" as const,
        maxVersion: options.maxVersion,
        ciphers: "DEFAULT:@SECLEVEL=0",
      }),
    };
    const sent = trust === undefined ? requestPlain(common) : requestSecure({ ...common, ...tls });
    sent.on("error", reject);
    sent.on("response", (response) => {
      const { socket } = response;
      const issuer =
        "getPeerCertificate" in socket ? (socket as import("node:tls").TLSSocket).getPeerCertificate().issuer : {};
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (piece: string) => {
        text += piece;
      });
      response.on("error", reject);
      response.on("end", () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          issuer: JSON.stringify(issuer),
        }),
      );
    });
    if (typeof body === "object") body.pipe(sent);
    else sent.end(body);
  });
}
