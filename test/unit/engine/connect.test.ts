import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectEngine, endpoints, unreachable } from "../../../src/engine/connect.ts";

let home: string;
let server: Server | undefined;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "home-"));
});
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
  server = undefined;
  rmSync(home, { recursive: true, force: true });
});

function listen(path: string, answers: boolean): Promise<void> {
  server = createServer((_, response) => {
    if (answers) response.end("OK");
  });
  return new Promise((resolve) => server?.listen(path, () => resolve()));
}

function chooseContext(name: string, host: string): void {
  const folder = join(home, ".docker", "contexts", "meta", createHash("sha256").update(name).digest("hex"));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(home, ".docker", "config.json"), JSON.stringify({ currentContext: name }));
  writeFileSync(join(folder, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}

test("DOCKER_HOST is the only place when it is set", () => {
  chooseContext("other", "unix:///other.sock");
  expect(endpoints({ env: { DOCKER_HOST: "tcp://10.0.0.1:2375" }, home })).toEqual([
    { host: "tcp://10.0.0.1:2375", source: "DOCKER_HOST" },
  ]);
});

test("a chosen docker context comes next, and alone", () => {
  chooseContext("colima", "unix:///colima.sock");
  expect(endpoints({ env: {}, home })).toEqual([{ host: "unix:///colima.sock", source: 'docker context "colima"' }]);
});

test("without a choice: the system's socket, then the rootless one", () => {
  const found = endpoints({ env: { XDG_RUNTIME_DIR: "/run/user/7" }, home });
  expect(found.map(({ host }) => host).slice(0, 2)).toEqual([
    "unix:///var/run/docker.sock",
    "unix:///run/user/7/docker.sock",
  ]);
});

test("connects to the one that answers", async () => {
  await listen(join(home, "docker.sock"), true);
  chooseContext("mine", `unix://${join(home, "docker.sock")}`);
  expect((await connectEngine({ env: {}, home })).endpoint.source).toBe('docker context "mine"');
});

test("an engine that accepts and stays silent is given up", async () => {
  await listen(join(home, "docker.sock"), false);
  const env = { DOCKER_HOST: `unix://${join(home, "docker.sock")}` };
  await expect(connectEngine({ env, home, timeout: 50 })).rejects.toMatchObject({
    code: "engine-unreachable",
    exit: "engineUnreachable",
    details: [expect.stringContaining("no answer within 0.05s")],
  });
});

test.each([
  ["unix:///no/such.sock", "no such socket"],
  ["tcp://127.0.0.1:1", "nobody listens"],
  ["ssh://host", "is neither unix:// nor tcp://"],
])("%s is reported with its reason", async (host, reason) => {
  await expect(connectEngine({ env: { DOCKER_HOST: host }, home })).rejects.toMatchObject({
    code: "engine-unreachable",
    details: [expect.stringContaining(reason)],
  });
});

test("a socket without permission is a matter of the group, not of a missing engine", () => {
  const endpoint = { host: "unix:///var/run/docker.sock", source: "the system's socket" };
  const error = unreachable([{ endpoint, cause: "forbidden", reason: "permission denied" }]);
  expect(error).toMatchObject({
    code: "engine-forbidden",
    exit: "engineUnreachable",
    message: "No permission to talk to the Docker engine at unix:///var/run/docker.sock",
    hint: expect.stringContaining("usermod -aG docker"),
  });
});
