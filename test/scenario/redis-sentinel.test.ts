import { spawn } from "node:child_process";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { component as valkey } from "../../src/components/valkey/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { dumpKind } from "../../src/operations/backup/kind-dump.ts";
import type { InspectionAnswer } from "../../src/stack/model.ts";
import { run } from "../../src/support/process.ts";
import { askSentinel } from "../support/ask-sentinel.ts";
import { contextFor, loadJob, produceJob, removeOneOffs, snapshotIn, sourceOf } from "../support/backup-jobs.ts";
import { describeWithDocker } from "../support/docker.ts";
import type { WriterReport } from "../support/sentinel-writer.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const images = {
  redis: "redis:8.2.9-bookworm",
  valkey: "valkey/valkey:9.1.1-trixie",
  proxy: "haproxy:3.2-trixie",
  node: "node:22-trixie-slim",
};
/**
 * Milliseconds that everything is waited for. Another primary is there after 5 s of silence and an election, 7 s in all on a
 * machine of its own; what it took is printed. Other tests take the processors here, and a sentinel that got none for two
 * seconds does nothing for thirty; an election without a winner is repeated after ten.
 */
const patience = 180_000;
/**
 * Writes that a client may lose which does not wait for a replica: Redis confirms a moment before the replicas have them, and
 * a busy machine makes the moment longer. On a quiet one it is none. Who waits loses none at all.
 */
const momentary = 3;

const docker = (...words: string[]) => run(["docker", ...words], { timeout: 60_000 });

/** Three servers and their sentinels as they see each other; the component's key is its type. */
function seenBy(key: "redis" | "valkey", stack: () => DataStack) {
  const servers = [1, 2, 3].map((nth) => `${key}-${nth}`);
  const sentinels = [1, 2, 3].map((nth) => `${key}-sentinel-${nth}`);
  const containerOf = (service: string) => `${stack().model.name}-${service}-1`;
  /** Who is primary, as a sentinel says. */
  const primary = async (by = `${key}-sentinel-1`) => {
    const line = `${key}-cli -p 26379 --user stack_health --pass none --no-auth-warning SENTINEL GET-MASTER-ADDR-BY-NAME ${key}`;
    return (await stack().sh(by, line)).stdout.split("\n")[0] ?? "";
  };
  const asAdmin = (service: string, command: string, port = 6379) =>
    stack().sh(
      service,
      `REDISCLI_AUTH=$(cat /run/secrets/${key}_stack_admin) ${key}-cli -p ${port} --user stack_admin --no-auth-warning ${command}`,
    );
  const status = async () =>
    JSON.parse((await stack().sh(`${key}-sentinel-2`, "sh /usr/local/etc/status.sh")).stdout) as InspectionAnswer;
  /** Everything is as it should be: two replicas that have all, three sentinels, no problem. */
  const whole = () =>
    vi.waitFor(async () => expect(await status()).toMatchObject({ facts: { sentinels: "3 of 3" }, problems: [] }), {
      timeout: patience,
      interval: 250,
    });
  /** Until a sentinel says that another one than `before` is the primary; its name. */
  const anotherThan = async (before: string) => {
    const sentinel = askSentinel(await stack().address(`${key}-sentinel-2`, key), key);
    try {
      const isOther = async () => ![before, ""].includes(await sentinel.primary());
      await vi.waitUntil(isOther, { timeout: patience, interval: 50 });
      return await sentinel.primary();
    } catch (error) {
      const { stdout } = await stack().compose("logs", "--no-color", "--timestamps", "--tail", "60");
      throw new Error(`${(error as Error).message}\n${stdout}`);
    } finally {
      sentinel.close();
    }
  };
  return { servers, sentinels, containerOf, primary, anotherThan, asAdmin, status, whole };
}

type Reports = Record<"sentinels" | "waiting" | "proxy", WriterReport>;

await describeWithDocker("redis with sentinels", [images.redis, images.proxy, images.node], (engine: Engine) => {
  let stack: DataStack;
  const { servers, sentinels, containerOf, primary, anotherThan, asAdmin, status, whole } = seenBy(
    "redis",
    () => stack,
  );
  const told: string[] = [];

  beforeAll(async () => {
    stack = await dataStack(`
name: ${uniqueName("sentinel")}
components:
${client("web", images.node, ["redis"], "1000:1000")}
  redis: { mode: sentinel, proxy: true, memory: 128m }
`);
    await stack.up();
    await layWriter(stack);
  });
  afterAll(async () => {
    process.stdout.write(`${told.join("\n")}\n`);
    await stack?.remove();
  });

  const tell = (what: string, reports: Reports) =>
    told.push(
      `${what}: ${Object.entries(reports)
        .map(
          ([name, { acknowledged, lost, outage }]) =>
            `${name} ${acknowledged} writes, ${lost} lost, ${outage} ms without`,
        )
        .join("; ")}`,
    );

  /** Lets three clients write while something happens, and says what they lost. `all`: until each has written for a while. */
  async function whileWriting(name: string, body: (all: () => Promise<void>) => Promise<void>): Promise<Reports> {
    const child = spawn("docker", ["exec", "-i", containerOf("web"), "node", "/tmp/writer.mjs", name]);
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
    const counts = () =>
      Object.values(JSON.parse(output.trimEnd().split("\n").at(-1) || "{}") as Record<string, number>);
    const all = async () => {
      const before = counts();
      const gone = () => counts().filter((count, index) => count >= (before[index] ?? 0) + 20).length;
      await vi.waitUntil(() => gone() === 3, { timeout: 30_000, interval: 50 });
    };
    try {
      await vi.waitUntil(() => output.endsWith("}\n"), { timeout: 20_000 });
      await all();
      await body(all);
    } finally {
      child.stdin.end("stop\n");
    }
    await ended;
    const last = output.trimEnd().split("\n").at(-1) ?? "";
    if (!last.includes("acknowledged")) throw new Error(`the writer says: ${output.slice(-2_000)}`);
    const reports = JSON.parse(last) as Reports;
    tell(name, reports);
    return reports;
  }

  test("starts with one primary and two replicas, known by name to three sentinels", async () => {
    expect(await Promise.all(sentinels.map((name) => primary(name)))).toEqual(["redis-1", "redis-1", "redis-1"]);
    await whole();
    const shown = await status();
    expect(shown.facts.primary).toBe("redis-1");
    expect(shown.facts.replicas).toMatch(/^redis-2 \d+ bytes behind; redis-3 \d+ bytes behind$/);
    expect(await hardeningOf(stack, "redis-2")).toEqual(hardened("999:999"));
    expect(await hardeningOf(stack, "redis-sentinel-3")).toEqual(hardened("999:999"));
    expect(await hardeningOf(stack, "redis-proxy")).toEqual(hardened("99:99"));
  });

  test("without a password, or with a wrong one, neither servers nor sentinels answer", async () => {
    const as = (service: string, words: string) => stack.sh(service, `redis-cli --no-auth-warning ${words}`);
    for (const [service, port] of [
      ["redis-2", 6379],
      ["redis-sentinel-2", 26379],
    ] as const) {
      expect((await as(service, `-p ${port} PING`)).stdout, service).toContain("NOAUTH");
      for (const user of ["stack_sentinel", "stack_replica", "stack_admin", "web", "default"])
        expect((await as(service, `-p ${port} --user ${user} --pass wrong PING`)).stderr, user).toContain("WRONGPASS");
      const health = await as(service, `-p ${port} --user stack_health --pass none CONFIG GET requirepass`);
      expect(health.stdout, service).toMatch(/NOPERM|unknown command/);
    }
    const sentinel = await as("redis-sentinel-2", "-p 26379 --user stack_health --pass none SENTINEL FAILOVER redis");
    expect(sentinel.stdout).toContain("NOPERM");
    const app = (words: string, port: number) =>
      stack.sh(
        "redis-2",
        `REDISCLI_AUTH="$(cat)" redis-cli -h redis-sentinel-1 -p ${port} --user web ${words}`,
        stack.secret("redis_web"),
      );
    expect((await app("SENTINEL GET-MASTER-ADDR-BY-NAME redis", 26379)).stdout).toContain("redis-1");
    expect((await app("SENTINEL REMOVE redis", 26379)).stdout).toContain("NOPERM");
  });

  /**
   * How often the sentinels look at servers that nothing is wrong with, and how long they then let a former primary be that
   * comes back: four times what is published. Neither has to do with how they find out that one is gone.
   */
  async function lookEach(info: number, publish: number): Promise<void> {
    const set = `SENTINEL DEBUG info-period ${info} publish-period ${publish}`;
    for (const sentinel of sentinels) expect((await asAdmin(sentinel, set, 26379)).stdout.trim()).toBe("OK");
  }
  const lookOften = () => lookEach(1_000, 500);
  const lookAsUsual = () => lookEach(10_000, 2_000);

  /** Something happens to the primary and is put right later, while clients write all the time. */
  async function failover(
    name: string,
    fault: (server: string) => Promise<unknown>,
    heal: (server: string) => Promise<unknown>,
  ): Promise<number> {
    const before = await primary("redis-sentinel-2");
    let took = 0;
    const reports = await whileWriting(name, async (all) => {
      const began = Date.now();
      await fault(before);
      await anotherThan(before);
      took = Date.now() - began;
      // Before the former one is back, and when it is.
      await all();
      await heal(before);
      await whole();
      await all();
    });
    told.push(`  another primary after ${took} ms`);
    expect(await primary("redis-sentinel-2")).not.toBe(before);
    for (const [client, { lost, acknowledged }] of Object.entries(reports)) {
      expect(acknowledged, client).toBeGreaterThan(50);
      expect(lost, client).toBeLessThanOrEqual(client === "waiting" ? 0 : momentary);
    }
    return took;
  }

  test("the primary is killed", async () => {
    await lookOften();
    await failover(
      "killed",
      async (server) => docker("kill", containerOf(server)),
      async (server) => {
        const { facts, problems } = await status();
        expect(facts.replicas).toContain(`${server} does not answer`);
        expect(problems?.map(({ message }) => message)).toEqual([
          `${server} does not answer: one copy of the data less`,
        ]);
        await docker("start", containerOf(server));
      },
    );
  });

  test("the primary hangs, and goes on later as if it were still the primary", async () => {
    await lookAsUsual();
    await failover(
      "paused",
      async (server) => docker("pause", containerOf(server)),
      async (server) => docker("unpause", containerOf(server)),
    );
  });

  test("the primary is cut off, and refuses writes before another one takes them", async () => {
    await lookOften();
    const network = `${stack.model.name}_redis`;
    let refusedAfter: Promise<number> | undefined;
    const took = await failover(
      "cut off",
      async (server) => {
        await docker("network", "disconnect", network, containerOf(server));
        const began = Date.now();
        const refused = async () => {
          const asked = Date.now();
          const { stdout } = await asAdmin(server, "SET written-there 1");
          return stdout.startsWith("NOREPLICAS") && asked - began;
        };
        refusedAfter = vi.waitUntil(refused, { timeout: patience, interval: 50 }) as Promise<number>;
      },
      async (server) => docker("network", "connect", "--alias", server, network, containerOf(server)),
    );
    told.push(`  the one that was cut off refused writes after ${await refusedAfter} ms`);
    expect(await refusedAfter).toBeLessThan(took);
  });

  test("the primary's volume is lost: it does not start empty, and fetches its data", async () => {
    await failover(
      "volume lost",
      async (server) => {
        const volume = `${stack.model.name}_${server}-data`;
        await stack.compose("rm", "--stop", "--force", server, "redis-seed");
        await docker("volume", "rm", volume);
        expect((await run(["docker", "volume", "inspect", volume])).code).not.toBe(0);
        // At once, long before the sentinels have decided.
        void stack.compose("up", "-d");
      },
      () => stack.up(),
    );
    const sizes = await Promise.all(servers.map(async (server) => (await asAdmin(server, "DBSIZE")).stdout.trim()));
    expect(new Set(sizes).size).toBe(1);
    expect(Number(sizes[0])).toBeGreaterThan(1_000);
  });

  test("everything loses power at once, and the same one is the primary afterwards", async () => {
    const before = await primary();
    expect(before).not.toBe("");
    const ids = [...servers, ...sentinels, "redis-proxy"].map(containerOf);
    await asAdmin(before, "SET kept 42");
    await asAdmin(before, "WAITAOF 1 1 5000");
    const epoch = await epochOf();
    expect((await docker("kill", ...ids)).code).toBe(0);
    const began = Date.now();
    expect((await docker("start", ...ids)).code).toBe(0);
    await whole();
    told.push(`power lost: whole again after ${Date.now() - began} ms`);
    expect(await Promise.all(sentinels.map((name) => primary(name)))).toEqual([before, before, before]);
    expect(await epochOf()).toBe(epoch);
    expect((await asAdmin(before, "GET kept")).stdout.trim()).toBe("42");
  });

  const epochOf = async () =>
    /config-epoch\n(\d+)/.exec((await asAdmin("redis-sentinel-1", "SENTINEL MASTER redis", 26379)).stdout)?.[1];

  test("twenty failovers by hand, one after the other", async () => {
    const id = containerOf("redis-sentinel-1");
    const reports = await whileWriting("20 by hand", async (all) => {
      const began = Date.now();
      const line = "for _ in $(seq 20); do sh /usr/local/etc/failover.sh || exit 1; done";
      const done = await run(["docker", "exec", id, "sh", "-c", line], { timeout: 240_000 });
      expect(done.stdout + done.stderr).toMatch(
        /^(redis-[123] is the primary now, in place of redis-[123]; it took [\d.]+ s\n){20}$/,
      );
      told.push(`20 failovers by hand in ${Date.now() - began} ms: ${done.stdout.match(/[\d.]+ s$/gm)?.join(", ")}`);
      await whole();
      await all();
    });
    for (const [client, { lost }] of Object.entries(reports)) expect(lost, client).toBe(0);
  });

  test("changed passwords reach servers, sentinels and replicas without a restart", async () => {
    const before = await primary();
    const started = await asAdmin(before, "INFO server");
    for (const name of ["redis_stack_replica", "redis_stack_sentinel", "redis_web"])
      await stack.rotate(name, `it's a "new" \\: p@ss/word% of ${name}`);
    await stack.up();
    await stack.compose("restart", "--timeout", "10", servers.find((name) => name !== before) ?? "");
    await whole();
    const done = await stack.sh("redis-sentinel-3", "sh /usr/local/etc/failover.sh");
    expect(done.stdout).toContain(`in place of ${before}`);
    await whole();
    const runId = (text: string) => /run_id:\w+/.exec(text)?.[0];
    expect(runId((await asAdmin(before, "INFO server")).stdout)).toBe(runId(started.stdout));
    const url = `redis-cli --no-auth-warning -u "$(cat)"`;
    const app = await stack.sh(
      "redis-1",
      `${url} -h redis-sentinel-1 -p 26379 SENTINEL MYID`,
      appUrl("redis-sentinel-1:26379"),
    );
    expect(app.stdout).toMatch(/^[0-9a-f]{40}/);
    // The proxy asks the servers who they are, each second.
    const byProxy = async () =>
      (await stack.sh("redis-1", `${url} SET by proxy`, appUrl("redis-proxy:6379"))).stdout.trim();
    await expect.poll(byProxy, { timeout: 10_000, interval: 100 }).toBe("OK");
  });

  const appUrl = (where: string) => `redis://web:${encodeURIComponent(stack.secret("redis_web"))}@${where}/0`;

  test("a copy is made from a replica, and comes back key by key on a new set of servers", async () => {
    const context = contextFor(stack, engine);
    const source = sourceOf(stack.model, "dump", "redis");
    const fill =
      "EVAL \"for i = 1, 500 do redis.call('RPUSH', 'list:' .. i, i, i); redis.call('HSET', 'hash:' .. i, 'a', i); redis.call('SET', 'ends:' .. i, i, 'EX', 90000) end\" 0";
    // What the tests before have written is many thousand keys, and one script goes over all of them.
    await asAdmin(await primary(), "FLUSHALL");
    expect((await asAdmin(await primary(), fill)).stderr).toBe("");
    // Where the copy comes from does not depend on the first server.
    if ((await primary()) === "redis-1") await stack.sh("redis-sentinel-2", "sh /usr/local/etc/failover.sh");
    await stack.compose("stop", "redis-1");
    expect(["redis-2", "redis-3"]).toContain(await primary());
    const job = produceJob(context, source);
    const snapshot = snapshotIn(job, await dumpKind.produce(job));
    expect(snapshot.manifest.warnings).toEqual([]);
    const content = await fingerprint(await primary());
    await asAdmin(await primary(), "SET after-the-copy 1");
    const loaded = await dumpKind.load(loadJob(job, snapshot));
    expect(loaded.checks.every(({ ok }) => ok)).toBe(true);
    const restored = loaded.volumes[0]?.restored ?? "";
    // As a restore does it: the first server has what was restored, what follows it is empty.
    await stack.compose("rm", "--stop", "--force", ...servers, ...sentinels);
    const live = [source.volume, ...(source.follows ?? []).map(({ volume }) => volume)].map(
      (name) => `${stack.model.name}_${name}`,
    );
    expect(live).toHaveLength(6);
    await stack.compose("rm", "--force", "redis-seed", "redis-setup");
    expect((await docker("volume", "rm", ...live)).code).toBe(0);
    const copy = ["-v", `${restored}:/from:ro`, "-v", `${stack.model.name}_redis-1-data:/data`];
    expect(
      (await docker("run", "--rm", "--user", "999:999", ...copy, images.redis, "cp", "-a", "/from/.", "/data/")).code,
    ).toBe(0);
    await stack.up();
    await whole();
    expect(await primary()).toBe("redis-1");
    for (const server of servers) expect(await fingerprint(server), server).toBe(content);
    await removeOneOffs(context);
  });

  /** One hash over every key, its value and when it ends. */
  async function fingerprint(server: string): Promise<string> {
    const script =
      "local all = redis.call('KEYS', '*'); table.sort(all); local sum = #all .. ' '; for _, key in ipairs(all) do sum = sum:sub(1, 12) .. redis.sha1hex(sum .. key .. redis.call('DUMP', key) .. redis.call('PEXPIRETIME', key)) end return sum";
    const { stdout, stderr } = await asAdmin(server, `EVAL "${script}" 0`);
    expect(stdout, stderr).toMatch(/^\d+ .{30}/);
    return stdout.trim();
  }

  test("nobody of the stack's own was refused a command", async () => {
    for (const [services, port] of [
      [servers, 6379],
      [sentinels, 26379],
    ] as const)
      for (const service of services) {
        const entries = (await asAdmin(service, "ACL LOG", port)).stdout.split(/^count$/m);
        const refused = entries.filter(
          (entry) =>
            /reason\n(command|channel|key)\n/.test(entry) && /username\nstack_(sentinel|replica|admin)\n/.test(entry),
        );
        expect(refused, service).toEqual([]);
      }
  });
});

await describeWithDocker("valkey with sentinels", [images.valkey], () => {
  let stack: DataStack;
  const { servers, sentinels, primary, anotherThan, asAdmin, status, whole, containerOf } = seenBy(
    "valkey",
    () => stack,
  );

  /** How often the sentinels ask servers that nothing is wrong with who there is. */
  const askEach = async (info: number) => {
    for (const sentinel of sentinels) {
      const set = async () => (await asAdmin(sentinel, `SENTINEL DEBUG info-period ${info}`, 26379)).stdout.trim();
      await vi.waitUntil(async () => (await set()) === "OK", { timeout: patience, interval: 250 });
    }
  };

  beforeAll(async () => {
    const yaml = `name: ${uniqueName("sentinel-valkey")}\ncomponents:\n${client("web", images.valkey, ["valkey"])}\n  valkey: { mode: sentinel, memory: 64m }\n`;
    stack = await dataStack(yaml, [valkey as never]);
    // The third server comes late, and the sentinels do not ask again who there is.
    await stack.compose("create");
    await docker("start", "--attach", containerOf("valkey-seed"));
    await docker("start", ...[...servers.slice(0, 2), ...sentinels].map(containerOf));
    await askEach(600_000);
    await stack.up();
  });
  afterAll(() => stack?.remove());

  /** As the app, with what it was given; each write counts when a replica has it too. */
  const asApp = (server: string, lines: readonly string[]) =>
    stack.sh(
      "web",
      `valkey-cli -h ${server} --user "$REDIS_USERNAME" --no-auth-warning --pass "$REDIS_PASSWORD"`,
      `${lines.join("\n")}\n`,
    );
  const numbers = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index);
  const write = async (server: string, first: number, last: number) => {
    const lines = numbers(first, last).flatMap((number) => [`SET n:${number} ${number}`, "WAIT 1 2000"]);
    const { stdout } = await asApp(server, lines);
    expect(stdout).toMatch(/^(OK\n[12]\n)+$/);
    expect(stdout.split("OK")).toHaveLength(last - first + 2);
  };

  test("the primary is killed, another one takes over with all that was acknowledged, and the former one follows it", async () => {
    await whole();
    const before = await primary();
    await write(before, 1, 100);
    expect((await docker("kill", containerOf(before))).code).toBe(0);
    const now = await anotherThan(before);
    expect(servers.filter((name) => name !== before)).toContain(now);
    await vi.waitUntil(async () => (await asAdmin(now, "ROLE")).stdout.startsWith("master"), { timeout: patience });
    await vi.waitFor(async () => expect((await status()).facts.replicas).toMatch(/\d+ bytes behind/), {
      timeout: patience,
      interval: 250,
    });
    await write(now, 101, 150);
    const kept = await asApp(
      now,
      numbers(1, 150).map((number) => `GET n:${number}`),
    );
    expect(kept.stdout.trim().split("\n")).toEqual(numbers(1, 150).map(String));
    expect(
      (await stack.sh("web", `valkey-cli -h ${now} --user web --no-auth-warning --pass wrong PING`)).stderr,
    ).toContain("WRONGPASS");
    await askEach(1_000);
    await docker("start", containerOf(before));
    await vi.waitFor(async () => expect((await asAdmin(before, "GET n:150")).stdout.trim()).toBe("150"), {
      timeout: patience,
      interval: 250,
    });
  });
});

/** The writer with its client library as one file, in the container of the app. */
async function layWriter(stack: DataStack): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [new URL("../support/sentinel-writer.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node22",
    logLevel: "error",
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
  const laid = await stack.sh("web", "cat >/tmp/writer.mjs", outputFiles[0]?.text ?? "");
  if (laid.code !== 0) throw new Error(laid.stderr);
}
