import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { SMTPServer } from "smtp-server";
import { issueCertificate, localAuthority } from "../../src/generator/certificates.ts";

/** A request that arrived. */
export interface Seen {
  method: string | undefined;
  path: string | undefined;
  body: string;
}

/** How the next requests are answered, in order: a status, `silent` (never), or a status with words. Then: 202 and "ok", as Slack and PagerDuty do. */
export type PlannedAnswer = number | "silent" | { status: number; text: string };

/** An HTTP server, on loopback unless said otherwise, that plays Slack, PagerDuty, and whoever else is told by a request. */
export interface PostBox {
  base: string;
  seen: Seen[];
  answers: PlannedAnswer[];
  /** What arrived below a path, as JSON. */
  bodies(path: string): unknown[];
  /** From now on whatever comes to this path is answered so. */
  refuse(path: string, answer: PlannedAnswer): void;
  close(): void;
}

export async function postBox(host = "127.0.0.1"): Promise<PostBox> {
  const seen: Seen[] = [];
  const answers: PlannedAnswer[] = [];
  const refusals = new Map<string, PlannedAnswer>();
  const server = createServer(async (request, response) => {
    seen.push({ method: request.method, path: request.url, body: await bodyOf(request) });
    const answer = refusals.get(request.url ?? "") ?? answers.shift() ?? 202;
    if (answer === "silent") return;
    const { status, text } = typeof answer === "number" ? { status: answer, text: "ok" } : answer;
    response.writeHead(status, { location: "/elsewhere" }).end(text);
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    base: `http://${host}:${(server.address() as AddressInfo).port}`,
    seen,
    answers,
    bodies: (path) => seen.filter((one) => one.path === path).map(({ body }) => JSON.parse(body) as unknown),
    refuse: (path, answer) => void refusals.set(path, answer),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const piece of request) body += String(piece);
  return body;
}

/** A mail that was taken. */
export interface Mail {
  from: string;
  to: string[];
  /** Whether the connection was encrypted when it came. */
  encrypted: boolean;
  subject: string;
  /** Header and body as they came. */
  text: string;
}

export interface MailServer {
  port: number;
  mails: Mail[];
  /** Logins that were tried: the passwords. */
  logins: string[];
  /** Certificate of the authority that vouches for `localhost`. */
  authority: string;
  /** Connections that were opened. */
  connections: number;
  /** The next mails are refused with these numbers, in order. */
  refusals: number[];
  close(): Promise<void>;
}

export interface MailServerOptions {
  /** `silent`: it takes connections and never says a word. */
  tls: "starttls" | "implicit" | "none" | "silent";
  /** With a login that is asked for. */
  login?: { user: string; password: string };
  /** Address to listen on; loopback when left out. */
  host?: string;
}

/** Long headers are folded over several lines. */
function subjectOf(text: string): string {
  return /^Subject: (.*)$/m.exec(text.replaceAll("\r\n ", " "))?.[1]?.trim() ?? "";
}

/** A mail server that speaks SMTP, with a certificate for `localhost` where it encrypts. */
export async function mailServer({ tls, login, host = "127.0.0.1" }: MailServerOptions): Promise<MailServer> {
  const authority = await localAuthority({ stack: "mail", today: new Date() });
  const { certificate, key } = await issueCertificate({ authority, hosts: ["localhost"], today: new Date() });
  const mails: Mail[] = [];
  const logins: string[] = [];
  const refusals: number[] = [];
  const state = { connections: 0 };
  const server = new SMTPServer({
    secure: tls === "implicit",
    hideSTARTTLS: tls === "implicit",
    ...(tls === "none" ? { disabledCommands: ["STARTTLS"] } : { cert: certificate, key }),
    authOptional: login === undefined,
    allowInsecureAuth: tls === "none",
    disableReverseLookup: true,
    onConnect(_, done) {
      state.connections += 1;
      if (tls !== "silent") done();
    },
    onAuth({ username, password }, _, done) {
      logins.push(password ?? "");
      if (username === login?.user && password === login?.password) done(null, { user: username ?? "" });
      else done(new Error("Invalid username or password"));
    },
    onData(stream, session, done) {
      let text = "";
      stream.on("data", (bytes: Buffer) => (text += bytes.toString()));
      stream.on("end", () => {
        const refusal = refusals.shift();
        if (refusal !== undefined) return done(Object.assign(new Error("not now"), { responseCode: refusal }));
        const { mailFrom, rcptTo } = session.envelope;
        const from = mailFrom === false ? "" : mailFrom.address;
        mails.push({
          from,
          to: rcptTo.map(({ address }) => address),
          encrypted: session.secure,
          subject: subjectOf(text),
          text,
        });
        done();
      });
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    port: (server.server.address() as AddressInfo).port,
    mails,
    logins,
    refusals,
    authority: authority.certificate,
    get connections() {
      return state.connections;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
