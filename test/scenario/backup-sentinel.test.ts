import { afterAll, beforeAll, expect, test } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import { runAction } from "../../src/operations/action.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import { runRestore } from "../../src/operations/restore/run.ts";
import { undoRestore } from "../../src/operations/restore/undo.ts";
import { runStart } from "../../src/operations/start.ts";
import { runStatus } from "../../src/operations/status.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type GeneratedStack, generatedStack } from "../support/generated-stack.ts";
import { toolboxImage } from "../support/volume-content.ts";

const servers = ["redis-1", "redis-2", "redis-3"];
const version = "0.0.0";

await describeWithDocker("redis with sentinels, restored", ["redis:8.2.9-bookworm", toolboxImage], (engine: Engine) => {
  let stack: GeneratedStack;

  beforeAll(async () => {
    stack = await generatedStack(engine, "  redis: { mode: sentinel, memory: 64m }\n");
    await runStart(stack.context());
  });
  afterAll(() => stack?.remove());

  const redis = async (server: string, command: string) => {
    const line = `REDISCLI_AUTH=$(cat /run/secrets/redis_stack_admin) redis-cli --user stack_admin --no-auth-warning ${command}`;
    return (await stack.compose("exec", "-T", server, "sh", "-c", line)).stdout.trim();
  };
  /** Who takes writes, as status says; with what is wrong. */
  const seen = async () => {
    const { components, problems } = await runStatus(stack.context());
    return { primary: components.find(({ component }) => component === "redis")?.facts.primary, problems };
  };
  const whole = () => expect.poll(async () => (await seen()).problems, { timeout: 60_000 }).toEqual([]);
  const marks = () => Promise.all(servers.map((server) => redis(server, "GET mark")));
  const everywhere = (text: string) => expect.poll(marks, { timeout: 30_000 }).toEqual([text, text, text]);
  const mark = async (text: string) => redis((await seen()).primary ?? "", `SET mark ${text}`);

  test("after a failover what is restored wins on all servers, and undo brings back who was primary", async () => {
    await whole();
    expect((await seen()).primary).toBe("redis-1");
    await mark("saved");
    await everywhere("saved");
    expect((await runBackup(stack.context(), { only: ["redis"], version })).sources).toMatchObject([{ outcome: "ok" }]);

    await runAction(stack.context(), { verb: "redis", words: ["failover"], confirmed: true });
    await expect.poll(async () => (await seen()).primary, { timeout: 60_000 }).toMatch(/^redis-[23]$/);
    const { primary: elected = "" } = await seen();
    await mark("live");
    await everywhere("live");

    await runRestore(stack.context(), { only: ["redis"], version });
    await everywhere("saved");
    await whole();
    expect((await seen()).primary).toBe("redis-1");

    await undoRestore(stack.context(), { version });
    await everywhere("live");
    await whole();
    expect((await seen()).primary).toBe(elected);
  });

  test("on a host with nothing but the directory and the copies all servers get what is restored", async () => {
    await stack.compose("down", "--volumes", "--timeout", "1");
    await runRestore(stack.context(), { only: ["redis"], version });
    await everywhere("saved");
    await whole();
  });
});
