import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as valkey } from "../../src/components/valkey/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { stackLabel } from "../../src/operations/backup/container.ts";
import { dumpKind } from "../../src/operations/backup/kind-dump.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import type { Context } from "../../src/operations/context.ts";
import type { StandingServer } from "../../src/operations/restore/throw-away.ts";
import type { SnapshotManifest } from "../../src/snapshots/manifest.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import {
  contextFor,
  liveServer,
  loadJob,
  oneOffs,
  partsJob,
  produceJob,
  removeOneOffs,
  serverOn,
  snapshotIn,
  sourceOf,
  withFlippedBit,
} from "../support/backup-jobs.ts";
import { describeWithDocker } from "../support/docker.ts";
import { client, type DataStack, dataStack, uniqueName } from "./data-stack.ts";

const images = { redis: "redis:8.2.9-bookworm", valkey: "valkey/valkey:9.1.1-trixie" } as const;

/** Every type and form of value, in two databases, with and without an end. */
const filling = `
for i = 1, 20000 do redis.call('SET', 'plain:' .. i, 'value ' .. i) end
for i = 1, 500 do redis.call('SET', 'session:' .. i, i, 'PX', 3600000 + i) end
for i = 1, 60000 do redis.call('HSET', 'hash:big', 'field' .. i, string.rep('x', i % 50)) end
redis.call('HSET', 'hash:small', 'a', '1', 'b', string.char(0, 255, 10, 13))
for i = 1, 3000 do redis.call('RPUSH', 'list', 'entry ' .. i) end
for i = 1, 2000 do redis.call('SADD', 'set:big', 'member' .. i); redis.call('SADD', 'set:numbers', i) end
for i = 1, 2000 do redis.call('ZADD', 'scores', i / 7, 'player' .. i) end
for i = 1, 300 do redis.call('XADD', 'stream', i .. '-1', 'n', i) end
redis.call('XGROUP', 'CREATE', 'stream', 'workers', '0')
redis.call('XREADGROUP', 'GROUP', 'workers', 'one', 'COUNT', '10', 'STREAMS', 'stream', '>')
redis.call('PFADD', 'visitors', 'a', 'b', 'c')
redis.call('SETBIT', 'bits', 100000, 1)
redis.call('SELECT', 3)
for i = 1, 100 do redis.call('SET', 'other:' .. i, i) end
redis.call('SET', 'other:ends', 'x', 'PX', 7200000)
return 'filled'`;

/** One line for each key of a database: type, name, hash of its value whatever its order in memory, and when it ends. */
const fingerprint = `
redis.call('SELECT', ARGV[1])
local lines, cursor = {}, '0'
repeat
  local page = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    local kind = redis.call('TYPE', key).ok
    local value
    if kind == 'hash' then
      local flat, pairs = redis.call('HGETALL', key), {}
      for i = 1, #flat, 2 do pairs[#pairs + 1] = flat[i] .. '=' .. flat[i + 1] end
      table.sort(pairs)
      value = table.concat(pairs, ';')
    elseif kind == 'set' then
      local members = redis.call('SMEMBERS', key)
      table.sort(members)
      value = table.concat(members, ';')
    else
      value = redis.call('DUMP', key)
    end
    lines[#lines + 1] = kind .. ' ' .. key .. ' ' .. redis.sha1hex(value) .. ' ' .. redis.call('PEXPIRETIME', key)
  end
until cursor == '0'
table.sort(lines)
return lines`;

const library = `#!lua name=shop
redis.register_function('answer', function() return 42 end)`;

/** Its copy begins and then takes its time. */
function slowly(source: DataSourceOf<"dump">): DataSourceOf<"dump"> {
  const [shell = "", script = "", verb = ""] = source.capture.command;
  const command = [shell, "-c", `sh ${script} ${verb} && sleep 600`];
  return { ...source, capture: { ...source.capture, command } };
}

for (const engineName of ["redis", "valkey"] as const) {
  const image = images[engineName];
  await describeWithDocker(`backup of ${engineName}`, [image], (engine: Engine) => {
    let stack: DataStack;
    let context: Context;
    let source: DataSourceOf<"dump">;
    let job: ProduceJob<DataSourceOf<"dump">>;
    let snapshot: { manifest: SnapshotManifest; folder: string };

    const login =
      'REDISCLI_AUTH=$(cat /run/secrets/redis_stack_admin) exec "$0" --user stack_admin --no-auth-warning "$@"';
    const ask = async (server: StandingServer, ...words: string[]) => {
      const { stdout, stderr } = await server.exec(["sh", "-c", login, `${engineName}-cli`, ...words]);
      return (stdout + stderr).trim();
    };
    const live = () => liveServer(context, source);
    const contentOf = async (server: StandingServer) => {
      const lines = [];
      for (const database of [0, 3]) lines.push(await ask(server, "EVAL", fingerprint, "0", String(database)));
      return [...lines, await ask(server, "FCALL", "answer", "0")].join("\n");
    };
    const on = (volume: string, body: (server: StandingServer) => Promise<void>) =>
      serverOn(context, source, volume, body);

    beforeAll(async () => {
      stack = await dataStack(
        `
name: ${uniqueName(`backup-${engineName}`)}
components:
${client("server", image, ["redis"])}
  redis: { type: ${engineName}, memory: 128m }
  cache: { type: ${engineName}, profile: cache, memory: 32m }
`,
        [valkey as Component],
      );
      await stack.up();
      context = contextFor(stack, engine);
      source = sourceOf(stack.model, "dump", "redis");
      const server = await live();
      expect(await ask(server, "EVAL", filling, "0")).toBe("filled");
      expect(await ask(server, "FUNCTION", "LOAD", library)).toBe("shop");
      job = produceJob(context, source);
      snapshot = snapshotIn(job, await dumpKind.produce(job));
    });
    afterAll(async () => {
      if (context !== undefined) await removeOneOffs(context);
      await stack?.remove();
    });

    test("copies the running server into one file that its own checker finds sound", async () => {
      expect(snapshot.manifest.parts.map(({ name }) => name)).toEqual(["dump.rdb"]);
      expect(snapshot.manifest.facts).toEqual({
        counts: {
          before: { keys: 20_610, expiring: 501, functions: 1 },
          after: { keys: 20_610, expiring: 501, functions: 1 },
        },
      });
      expect(await dumpKind.check(partsJob(job, snapshot))).toEqual({ ok: true, detail: "dump.rdb: 20610 keys" });
      expect(await oneOffs(context)).toEqual([]);
    });

    test("comes back key by key, with its ends, and the server goes on writing to it", async () => {
      const before = await contentOf(await live());
      const loaded = await dumpKind.load(loadJob(job, snapshot));
      expect(loaded.checks).toEqual([{ ok: true, detail: "20610 keys, 1 functions" }]);
      const [restored = ""] = loaded.volumes.map((volume) => volume.restored);
      expect(loaded.volumes).toEqual([{ restored, replaces: "redis-data" }]);
      await on(restored, async (server) => {
        expect(await contentOf(server)).toBe(before);
        expect(await ask(server, "SET", "after", "restore")).toBe("OK");
        expect(await ask(server, "BGREWRITEAOF")).toContain("started");
        expect(await ask(server, "SET", "later", "still")).toBe("OK");
      });
      await on(restored, async (server) => {
        expect(await ask(server, "MGET", "after", "later", "plain:20000")).toBe("restore\nstill\nvalue 20000");
        expect(await ask(server, "CONFIG", "GET", "appendonly")).toBe("appendonly\nyes");
      });
      await engine.removeVolume(restored);
      expect(await oneOffs(context)).toEqual([]);
    });

    test("one flipped bit is found", async () => {
      await withFlippedBit(join(snapshot.folder, "dump.rdb"), async () => {
        expect((await dumpKind.check(partsJob(job, snapshot))).ok).toBe(false);
        await expect(dumpKind.load(loadJob(job, snapshot))).rejects.toThrow(/is damaged/);
      });
      expect((await dumpKind.check(partsJob(job, snapshot))).ok).toBe(true);
      expect(await oneOffs(context)).toEqual([]);
    });

    test("a copy whose container is killed is no copy, and the next one is whole", async () => {
      const killed = produceJob(context, source);
      const copying = dumpKind.produce({ ...killed, source: slowly(source) });
      copying.catch(() => {});
      const captures = async () =>
        (await engine.labelled(stackLabel, stack.model.name)).some(
          ({ name, state }) => name.includes("backup-capture") && state === "running",
        );
      await vi.waitUntil(captures, { timeout: 30_000 });
      for (const { id } of await engine.labelled(stackLabel, stack.model.name)) await engine.kill(id, "SIGKILL");
      await expect(copying).rejects.toThrow("The copy of redis failed: exit code 137");
      expect(await oneOffs(context)).toEqual([]);
      const next = produceJob(context, source);
      expect((await dumpKind.produce(next)).parts).toHaveLength(1);
    });

    test("a server that does not take its administrator's password is named, and the password is not", async () => {
      const right = stack.secret("redis_stack_admin");
      stack.writeSecret("redis_stack_admin", "wrong-password-of-the-test\n");
      const error = await dumpKind.produce(produceJob(context, source)).catch((thrown: unknown) => thrown);
      stack.writeSecret("redis_stack_admin", `${right}\n`);
      expect(error).toMatchObject({ message: "The copy of redis failed: exit code 1", exit: "backupFailed" });
      const said = (error as { details: string[] }).details.join("\n");
      expect(said).toContain("redis does not let its administrator in: AUTH failed: WRONGPASS");
      expect(said).toContain("if secrets/redis_stack_admin was changed: docker compose restart redis");
      expect(JSON.stringify(error)).not.toContain("wrong-password-of-the-test");
    });

    test("a server that does not run is an error, and a cache is left out by name", async () => {
      expect((await stack.compose("stop", "redis")).code).toBe(0);
      await expect(dumpKind.produce(produceJob(context, source))).rejects.toThrow("redis is exited");
      expect(stack.model.unprotected).toMatchObject([{ name: "cache" }]);
    });
  });
}
