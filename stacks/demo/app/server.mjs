import { createServer } from "node:http";
import { log, openPostgres, openRedis } from "./connections.mjs";
import { page } from "./page.mjs";

const pool = openPostgres();
const redis = openRedis();
const leaked = [];
const mayMisbehave = process.env.DEMO_MISBEHAVE === "1";
let stopping = false;

const routes = {
  "GET /": showPage,
  "POST /notes": addNote,
  "GET /api/notes": async (_, response) => sendJson(response, 200, await readNotes()),
  "GET /health": checkHealth,
  "GET /slow": answerSlowly,
  // For trying out what a stack does with an application that breaks.
  ...(mayMisbehave && {
    "POST /crash": () => process.exit(1),
    "POST /leak": (_, response) => {
      for (let count = 0; count < 64; count += 1) leaked.push(Buffer.alloc(1024 ** 2, 1));
      sendJson(response, 200, { leaked: leaked.length });
    },
  }),
};

async function readNotes() {
  const { rows } = await pool.query("select id, text, created_at from notes order by created_at desc, id desc limit 50");
  return rows;
}

async function showPage(_, response) {
  const [notes, visits] = await Promise.all([readNotes(), redis.incr("visits")]);
  response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(page(notes, visits));
}

async function addNote(request, response) {
  const body = await readBody(request);
  const isJson = request.headers["content-type"]?.startsWith("application/json") === true;
  const text = readText(body, isJson);
  if (!text || text.length > 500) return sendJson(response, 400, { error: "text: expected 1 to 500 characters" });
  const { rows } = await pool.query("insert into notes (text) values ($1) returning id, text, created_at", [text]);
  if (isJson) return sendJson(response, 201, rows[0]);
  response.writeHead(303, { location: "/" }).end();
}

/** The note's text; undefined where there is none to be had. */
function readText(body, isJson) {
  if (!isJson) return new URLSearchParams(body).get("text")?.trim();
  try {
    const { text } = JSON.parse(body);
    return typeof text === "string" ? text.trim() : undefined;
  } catch {
    return undefined;
  }
}

async function checkHealth(_, response) {
  const checks = await Promise.allSettled([pool.query("select 1"), redis.ping()]);
  const [postgres, cache] = checks.map(({ status, reason }) => (status === "fulfilled" ? "ok" : reason.message));
  const healthy = !stopping && checks.every(({ status }) => status === "fulfilled");
  sendJson(response, healthy ? 200 : 503, { postgres, redis: cache, ...(stopping && { stopping }) });
}

async function answerSlowly(_, response, url) {
  const wait = Math.min(Number(url.searchParams.get("ms")) || 1_000, 60_000);
  await new Promise((resolve) => setTimeout(resolve, wait));
  sendJson(response, 200, { waited: wait });
}

async function readBody(request) {
  let body = "";
  for await (const piece of request.setEncoding("utf8")) {
    body += piece;
    if (body.length > 10_000) throw Object.assign(new Error("body too large"), { status: 413 });
  }
  return body;
}

function sendJson(response, status, value) {
  response.writeHead(status, { "content-type": "application/json" }).end(`${JSON.stringify(value)}\n`);
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://app");
  try {
    const route = routes[`${request.method} ${url.pathname}`];
    if (route === undefined) sendJson(response, 404, { error: "not found" });
    else await route(request, response, url);
  } catch (error) {
    log(`${request.method} ${url.pathname} failed`, error);
    if (!response.headersSent) sendJson(response, error.status ?? 500, { error: "the request could not be answered" });
  }
});

/** Finishes the requests that are being answered, then the connections, then the process. */
function stop(signal) {
  if (stopping) return;
  stopping = true;
  log(`${signal}: finishing open requests`);
  server.close(async () => {
    await Promise.allSettled([pool.end(), redis.quit()]);
    log("stopped");
    process.exit(0);
  });
  server.closeIdleConnections();
}

for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => stop(signal));
server.listen(Number(process.env.PORT ?? 3000), () => log(`listening on ${server.address().port}`));
