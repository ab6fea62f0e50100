import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { watched } from "../../../src/engine/connect.ts";
import { openClient } from "../../../src/engine/docker-engine.ts";
import type { Engine } from "../../../src/engine/engine.ts";

let folder: string;
let server: Server;
/** How the engine answers; false: not at all. */
let answer: (path: string, request: IncomingMessage, response: ServerResponse) => void;
let engine: Engine;

const inspected = JSON.stringify({ Id: "c", Config: { Tty: false, Labels: {} }, State: { Status: "running" } });
const silence = () => {};
/** Begins the answer to a call, then the connection breaks. */
const breakOff =
  (first: string | Buffer, { graceful = false } = {}) =>
  (_: IncomingMessage, response: ServerResponse) => {
    response.write(first, () => (graceful ? response.end() : response.destroy()));
  };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "silence-"));
  const socket = join(folder, "socket");
  server = createServer((request, response) => answer(request.url ?? "", request, response));
  // An exec takes its connection over: `Upgrade: tcp`.
  server.on("upgrade", (request, connection) => {
    connection.on("error", () => {});
    connection.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    answer(request.url ?? "", request, { destroy: () => connection.destroy() } as unknown as ServerResponse);
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const client = openClient(`unix://${socket}`);
  if (client === undefined) throw new Error("no client");
  engine = watched(client, { every: 50, answer: 200 });
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true, force: true });
});

const unreachable = { code: "engine-unreachable", exit: "engineUnreachable" };

type Call = (engine: Engine) => Promise<unknown>;

const calls: [string, Call][] = [
  ["observe", (it) => it.observe("shop")],
  ["waitForExit", (it) => it.waitForExit("c")],
  ["pull", (it) => it.pull("busybox:1")],
  ["exec", (it) => it.exec("c", ["true"])],
  ["openExec", (it) => it.openExec("c", ["sh"])],
  ["followLogs", (it) => it.followLogs("c", () => {})],
  ["logTail", (it) => it.logTail("c", 5)],
  ["create", (it) => it.create({ name: "n", image: "i", labels: {}, command: [] })],
  ["stop", (it) => it.stop("c", 1)],
  ["removeVolume", (it) => it.removeVolume("v")],
  ["volumes", (it) => it.volumes("shop", { sizes: true })],
];

describe("an engine that falls silent", () => {
  test.each(calls)("%s ends", async (_, call) => {
    answer = silence;
    await expect(call(engine)).rejects.toMatchObject(unreachable);
  });

  test("a call may take as long as it likes while the engine lives", async () => {
    let pings = 0;
    answer = (path, _, response) => {
      if (path.includes("_ping")) {
        pings += 1;
        response.end("OK");
        if (pings === 8) waiting?.end('{"StatusCode":7}');
      } else if (path.includes("/wait")) waiting = response;
      else response.end(inspected);
    };
    let waiting: ServerResponse | undefined;
    expect(await engine.waitForExit("c")).toMatchObject({ exitCode: 7 });
  });
});

describe("an engine that dies in the middle of an answer", () => {
  const frame = Buffer.from([1, 0, 0, 0, 0, 0, 0, 9, 104]);

  test.each<[string, Call, (request: IncomingMessage, response: ServerResponse) => void, object]>([
    ["waitForExit", (it) => it.waitForExit("c"), breakOff(""), unreachable],
    ["waitForExit, in an orderly way", (it) => it.waitForExit("c"), breakOff("", { graceful: true }), unreachable],
    ["pull", (it) => it.pull("busybox:1"), breakOff('{"status":"Pulling"}\n'), unreachable],
    [
      "pull, which says why it ends",
      (it) => it.pull("busybox:1"),
      breakOff('{"error":"no space left on device"}\n', { graceful: true }),
      { code: "image-not-pulled", message: expect.stringContaining("no space left on device") },
    ],
    [
      "pull, in an orderly way",
      (it) => it.pull("busybox:1"),
      breakOff('{"status":"Pulling"}\n', { graceful: true }),
      { code: "image-not-pulled", hint: "docker pull busybox:1" },
    ],
    ["followLogs", (it) => it.followLogs("c", () => {}), breakOff(frame), unreachable],
    [
      "followLogs, in an orderly way",
      (it) => it.followLogs("c", () => {}),
      breakOff(frame, { graceful: true }),
      unreachable,
    ],
    ["observe", (it) => it.observe("shop"), breakOff("["), unreachable],
  ])("%s ends with an error", async (_, call, broken, expected) => {
    answer = (path, request, response) => {
      if (path.includes("_ping")) response.end("OK");
      else if (path.includes("/images/busybox")) response.writeHead(404).end('{"message":"no such image"}');
      else if (/\/containers\/c\/json/.test(path)) response.end(inspected);
      else broken(request, response);
    };
    await expect(call(engine)).rejects.toMatchObject(expected);
  });

  test("exec ends with an error", async () => {
    answer = (path, _, response) => {
      if (path.includes("/start")) {
        response.destroy();
        server.close();
      } else response.writeHead(201).end('{"Id":"e"}');
    };
    await expect(engine.exec("c", ["true"])).rejects.toMatchObject(unreachable);
  });
});
