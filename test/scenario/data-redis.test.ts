import { afterAll, beforeAll, expect, test } from "vitest";
import type { Component } from "../../src/components/component.ts";
import { component as valkey } from "../../src/components/valkey/index.ts";
import { describeWithDocker } from "../support/docker.ts";
import { isReached } from "../support/isolation.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const engines = { redis: "redis:8.2.9-bookworm", valkey: "valkey/valkey:9.1.1-trixie" } as const;

for (const engine of ["redis", "valkey"] as const) {
  const image = engines[engine];
  await describeWithDocker(engine, [image], () => {
    let stack: DataStack;
    /** A command as the app, with what the app was given. */
    const ask = (service: string, command: string, prefix = "") =>
      stack.sh(service, `${engine}-cli --no-auth-warning -u "$${prefix}REDIS_URL" ${command}`);
    const answer = async (service: string, command: string, prefix = "") => {
      const { stdout, stderr } = await ask(service, command, prefix);
      return (stdout + stderr).trim();
    };

    beforeAll(async () => {
      stack = await dataStack(
        `
name: ${uniqueName(`data-${engine}`)}
components:
${client("server", image, ["redis", "redis/sessions"])}
${client("other", image, ["redis/jobs"])}
${client("outsider", image, ["cache"])}
  redis: { type: ${engine}, allow: [flushdb], memory: 64m, settings: { notify-keyspace-events: Ex } }
  cache: { type: ${engine}, profile: cache, memory: 32m }
`,
        [valkey as Component],
      );
      await stack.up();
    });
    afterAll(async () => stack?.remove());

    test("starts healthy, and an app is let in by the URL that it is given", async () => {
      expect(await answer("server", "SET greeting hello")).toBe("OK");
      expect(await answer("server", "GET greeting")).toBe("hello");
      expect(await answer("server", "-n 3 ACL WHOAMI")).toBe("server");
    });

    test("the single variables lead there too", async () => {
      const line = `REDISCLI_AUTH="$REDIS_PASSWORD" ${engine}-cli -h "$REDIS_HOST" -p "$REDIS_PORT" --user "$REDIS_USERNAME" PING`;
      expect((await stack.sh("server", line)).stdout.trim()).toBe("PONG");
    });

    test("runs hardened, without modules", async () => {
      expect(await hardeningOf(stack, "redis")).toEqual(hardened("999:999"));
      expect(await hardeningOf(stack, "cache")).toEqual(hardened("999:999"));
      expect(await hardeningOf(stack, "redis-setup")).toEqual(hardened("999:999"));
      expect((await stack.shortcut("redis", "MODULE", "LIST")).stdout).not.toContain("search");
    });

    test("has the policy of its profile", async () => {
      const policy = async (component: string) => {
        const shown = await stack.shortcut(component, "CONFIG", "GET", "maxmemory*", "appendonly");
        const words = shown.stdout.trim().split("\n");
        return Object.fromEntries(words.flatMap((word, index) => (index % 2 === 0 ? [[word, words[index + 1]]] : [])));
      };
      expect(await policy("redis")).toMatchObject({
        maxmemory: String(41 * 1024 ** 2),
        "maxmemory-policy": "noeviction",
        appendonly: "yes",
      });
      expect(await policy("cache")).toMatchObject({ "maxmemory-policy": "allkeys-lru", appendonly: "no" });
    });

    test("a cache that is full drops old keys instead of refusing new ones", async () => {
      // One command each: within one script nothing is evicted.
      const set = "EVAL \"return redis.call('SET', KEYS[1], string.rep('x', 1048576))\" 1";
      const lines = Array.from({ length: 40 }, (_, index) => `${set} key${index}\n`).join("");
      const filled = await stack.sh("outsider", `${engine}-cli --no-auth-warning -u "$REDIS_URL"`, lines);
      expect(filled.stdout.match(/OK/g)).toHaveLength(40);
      expect(Number(await answer("outsider", "DBSIZE"))).toBeLessThan(25);
    });

    test("without a password, or with a wrong one, nothing is answered", async () => {
      const anonymous = await stack.sh("server", `${engine}-cli -h redis PING`);
      expect(anonymous.stdout).toContain("NOAUTH");
      const wrong = await stack.sh(
        "server",
        `${engine}-cli --no-auth-warning -u redis://server:wrong@redis:6379/0 PING`,
      );
      expect(wrong.stderr).toContain("WRONGPASS");
      expect(wrong.stdout).toContain("NOAUTH");
    });

    test("the user of the health check may ping and nothing else", async () => {
      const asHealth = (command: string) =>
        stack.sh("server", `${engine}-cli -h redis --user stack_health --pass none --no-auth-warning ${command}`);
      expect((await asHealth("PING")).stdout.trim()).toBe("PONG");
      expect((await asHealth("GET greeting")).stdout).toMatch(/^NOPERM/);
      expect((await asHealth("INFO")).stdout).toMatch(/^NOPERM/);
    });

    test("dangerous commands are denied, but for those that stack.yaml gives back", async () => {
      for (const command of [
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET *",
        "SHUTDOWN",
        "ACL LIST",
        "MONITOR",
        "REPLICAOF NO ONE",
      ])
        expect(await answer("server", command), command).toMatch(/^NOPERM/);
      expect(await answer("server", "INFO server")).toContain("run_id");
      expect(await answer("server", "-n 9 FLUSHDB")).toBe("OK");
    });

    test("an app with a part sees its own keys and channels only", async () => {
      expect(await answer("other", "SET jobs:1 mine")).toBe("OK");
      expect(await answer("other", "GET greeting")).toMatch(/^NOPERM/);
      expect(await answer("server", "GET jobs:1", "SESSIONS_")).toMatch(/^NOPERM/);
      expect(await answer("server", "SET sessions:1 mine", "SESSIONS_")).toBe("OK");
      expect(await answer("other", "PUBLISH elsewhere x")).toMatch(/^NOPERM/);
      expect((await stack.sh("other", 'echo "$REDIS_PREFIX"')).stdout.trim()).toBe("jobs:");
    });

    test("an app that does not use it reaches it neither by name nor by address", async () => {
      const address = await stack.address("redis", "redis");
      const answers = (host: string) =>
        isReached(async () => {
          const { stdout } = await stack.sh("outsider", `timeout 3 ${engine}-cli -h ${host} PING`);
          return /NOAUTH|PONG/.test(stdout);
        });
      expect(address).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      expect([await answers("redis"), await answers(address), await answers("cache")]).toEqual([false, false, true]);
    });

    test("the shortcut is the administrator, whose password is no argument", async () => {
      expect((await stack.shortcut("redis", "ACL", "WHOAMI")).stdout.trim()).toBe("stack_admin");
      const shortcut = stack.model.shortcuts.find((candidate) => candidate.component === "redis");
      expect(shortcut?.command.join(" ").includes(stack.secret("redis_stack_admin"))).toBe(false);
    });

    test("a kill keeps what was written a second before", async () => {
      expect(await answer("server", "SET kept 42")).toBe("OK");
      expect(await answer("server", "WAITAOF 1 0 5000")).toMatch(/^1/);
      expect((await stack.compose("kill", "redis")).code).toBe(0);
      await stack.up();
      expect(await answer("server", "GET kept")).toBe("42");
    });

    test("a restart keeps the data of a durable one", async () => {
      expect((await stack.compose("down")).code).toBe(0);
      await stack.up();
      expect(await answer("server", "GET kept")).toBe("42");
      expect(await answer("outsider", "DBSIZE")).toBe("0");
    });

    test("a password that was changed under secrets/ counts after the next start, without a restart", async () => {
      const before = stack.secret("redis_server");
      const running = await answer("server", "INFO server");
      await stack.rotate("redis_server", "it's a \\new: p@ss/word%");
      await stack.up();
      expect(await answer("server", "GET kept")).toBe("42");
      const former = `REDISCLI_AUTH="$(cat)" ${engine}-cli -h redis --user server PING`;
      expect((await stack.sh("server", former, before)).stdout).toContain("NOAUTH");
      const runId = /run_id:\w+/.exec(running)?.[0] ?? "none";
      expect(await answer("server", "INFO server")).toContain(runId);
    });

    test("users that stack.yaml does not know are gone after the next start", async () => {
      await stack.shortcut("redis", "ACL", "SETUSER", "ghost", "on", "nopass", "+@all");
      await stack.shortcut("redis", "ACL", "SETUSER", "server", "+flushall");
      await stack.up();
      const users = (await stack.shortcut("redis", "ACL", "USERS")).stdout.trim().split("\n").sort();
      expect(users).toEqual(["default", "other.jobs", "server", "server.sessions", "stack_admin", "stack_health"]);
      expect(await answer("server", "FLUSHALL")).toMatch(/^NOPERM/);
    });

    test("another password of the administrator wants a restart, and the set-up says so", async () => {
      await stack.rotate("redis_stack_admin", "another-password-of-the-administrator");
      const early = await stack.compose("run", "--rm", "-T", "--no-deps", "redis-setup");
      expect(early.code).toBe(1);
      expect(early.stderr).toContain("docker compose restart redis");
      expect((await stack.compose("restart", "redis")).code).toBe(0);
      await stack.up();
      expect((await stack.shortcut("redis", "ACL", "WHOAMI")).stdout.trim()).toBe("stack_admin");
    });

    test("no secret stands in inspect, logs or process lists", async () => {
      const text = await stack.readable(["redis", "redis-setup", "cache", "cache-setup"]);
      expect(text).toContain("Ready to accept connections");
      for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
      expect((await stack.readable(["other"])).includes(stack.secret("redis_other.jobs"))).toBe(true);
    });

    test("the health check fails for any answer but PONG", async () => {
      const check = stack.model.services.find((service) => service.name === "redis")?.healthcheck?.test[1] ?? "";
      const dead = check.replace("127.0.0.1", "127.0.0.1 -p 6380");
      const refused = check.replace("--user stack_health --pass none", "");
      const codes = [];
      for (const line of [check, dead, refused]) codes.push((await stack.sh("redis", line)).code);
      expect(codes).toEqual([0, 1, 1]);
    });
  });
}
