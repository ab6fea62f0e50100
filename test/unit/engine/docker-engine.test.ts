import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { inspect } from "node:util";
import { afterEach, expect, test } from "vitest";
import { openClient } from "../../../src/engine/docker-engine.ts";

let server: Server | undefined;
afterEach(() => void server?.close());

test("a request is not written out for a log that nobody reads", async () => {
  server = createServer((_, response) => void response.end("[]")).listen(0, "127.0.0.1");
  await new Promise((resolve) => server?.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  const client = openClient(`tcp://127.0.0.1:${port}`);
  let printed = 0;
  const { signal } = new AbortController();
  Object.defineProperty(signal, inspect.custom, { value: () => `printed ${++printed}` });
  expect(await client?.listContainers({ abortSignal: signal })).toEqual([]);
  expect(printed).toBe(0);
});
