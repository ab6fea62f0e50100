import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { alertRules } from "../../src/components/rabbitmq/alerts.ts";
import { dashboard } from "../../src/components/rabbitmq/dashboard.ts";
import { component as rabbitmq } from "../../src/components/rabbitmq/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { handbook } from "../../src/generator/handbook.ts";
import { dumpKind } from "../../src/operations/backup/kind-dump.ts";
import { volumeKind } from "../../src/operations/backup/kind-volume.ts";
import type { ProduceJob } from "../../src/operations/backup/kinds.ts";
import type { Context } from "../../src/operations/context.ts";
import type { StandingServer } from "../../src/operations/restore/throw-away.ts";
import type { SnapshotManifest } from "../../src/snapshots/manifest.ts";
import type { DataSourceOf } from "../../src/stack/data-source.ts";
import type { InspectionAnswer } from "../../src/stack/model.ts";
import { run } from "../../src/support/process.ts";
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
} from "../support/backup-jobs.ts";
import { catalogue } from "../support/catalogue.ts";
import { describeWithDocker } from "../support/docker.ts";
import { shellBlocks } from "../support/shell-blocks.ts";
import { client, type DataStack, dataStack, hardened, hardeningOf, uniqueName, withSmallDisk } from "./data-stack.ts";

const image = "rabbitmq:4.3.5";
const toolbox = "postgres:18.6-trixie";
const program = readFileSync(join(import.meta.dirname, "rabbitmq-client.escript"), "utf8");

const name = uniqueName("data-rabbitmq");
const declared = `
    diskFree: 50m
    queues: { mails: { deadLetter: failed, deliveryLimit: 5 }, failed: , orders/paid: }
    exchanges: { events: topic }
    bindings: [{ from: events, to: mails, key: "mail.#" }]
    plugins: [rabbitmq_prometheus]`;
const stackWith = (apps: readonly string[], options = declared) =>
  `name: ${name}\ncomponents:\n${apps.join("\n")}\n  rabbitmq:${options}\n`;
const [web, shop, later] = [
  client("web", image, ["rabbitmq"]),
  client("shop", image, ["rabbitmq/orders", "rabbitmq"]),
  client("later", image, ["rabbitmq/orders"]),
];

const numbers = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => first + index).join(" ");

await describeWithDocker("rabbitmq", [image, toolbox], (engine: Engine) => {
  let stack: DataStack;
  let context: Context;
  let source: DataSourceOf<"dump">;

  /** Runs the client as an app, at the address that the app was given or at another. */
  const as = async (app: string, words: string, url = "$AMQP_URL") => {
    const { stdout, stderr } = await stack.sh(app, `URL="${url}" escript /tmp/client ${words}`);
    return (stdout + stderr).trim();
  };
  const bring = (app: string) => stack.sh(app, "cat >/tmp/client", program);
  const ctl = async (...words: string[]) => {
    const { code, stdout, stderr } = await stack.shortcut("rabbitmq", "--silent", ...words);
    expect(stderr + code).toMatch(/0$/);
    return stdout.trim();
  };
  const setUp = () => stack.compose("run", "--rm", "-T", "--no-deps", "rabbitmq-setup");
  const inspected = async () =>
    JSON.parse((await stack.sh("rabbitmq", "bash /etc/rabbitmq/inspect.sh")).stdout) as Required<InspectionAnswer>;
  const health = () => stack.sh("rabbitmq", "bash /etc/rabbitmq/health.sh");
  const live = () => liveServer(context, source);
  const on = (volume: string, body: (server: StandingServer) => Promise<void>) =>
    serverOn(context, source, volume, body);
  /** Everything that is defined in a server, as it tells it itself. */
  const definitionsOf = async (server: StandingServer) => {
    const { stdout } = await server.exec(["rabbitmqctl", "--silent", "export_definitions", "-"]);
    const { users, permissions, vhosts, queues, exchanges, bindings, policies } = JSON.parse(stdout);
    const sorted = (list: object[]) => list.map((one) => JSON.stringify(one)).sort();
    return [users, permissions, vhosts, queues, exchanges, bindings, policies].map(sorted);
  };

  const smallDisk = { service: "rabbitmq", size: "256m", user: "999:999" } as const;
  const become = async (yaml: string) => {
    await stack.become(yaml);
    withSmallDisk(stack, smallDisk);
  };
  /** The management API as the administrator, which answers at once; `rabbitmqctl` starts an Erlang machine for each word. */
  const api = async (method: string, path: string, body: object = {}) => {
    const script = `bash -c '. /etc/rabbitmq/api.sh; host=127.0.0.1 user=stack_admin password=rabbitmq_stack_admin; api "$@" "$(cat)"; echo "$status"; echo "$answer"' api ${method} ${path}`;
    const [status = "", ...answer] = (await stack.sh("rabbitmq", script, JSON.stringify(body))).stdout.split("\n");
    expect(status).toMatch(/^2/);
    return answer.join("\n").trim();
  };
  const namesIn = (answer: string, field = "name") =>
    (JSON.parse(answer) as Record<string, string>[]).map((one) => one[field]).sort();

  beforeAll(async () => {
    stack = await dataStack(stackWith([web, shop]), [rabbitmq as never]);
    withSmallDisk(stack, smallDisk);
    await stack.up();
    await Promise.all(["web", "shop"].map(bring));
    context = contextFor(stack, engine);
    source = sourceOf(stack.model, "dump", "rabbitmq");
  });
  afterAll(async () => {
    if (context !== undefined) await removeOneOffs(context);
    await stack?.remove();
  });

  test("starts healthy, and an app is let in by the URL that it is given, as by the single variables", async () => {
    expect(await as("web", "publish '' mails 1 20 10")).toBe("confirmed");
    const single = "amqp://$RABBITMQ_USERNAME:$RABBITMQ_PASSWORD@$RABBITMQ_HOST:$RABBITMQ_PORT/$RABBITMQ_VHOST";
    expect(await as("web", "take mails", single)).toBe(numbers(1, 20));
    expect(await as("shop", "publish '' mails 1 1 10 then take mails", "$MAIN_AMQP_URL")).toBe("confirmed\n1");
    expect(await as("shop", "publish '' paid 1 3 10")).toBe("confirmed");
  });

  test("runs hardened", async () => {
    expect(await hardeningOf(stack, "rabbitmq")).toEqual(hardened("999:999"));
    expect(await hardeningOf(stack, "rabbitmq-setup")).toEqual(hardened("999:999"));
    const cookie = await stack.sh("rabbitmq", "stat -c '%a %u' /run/rabbitmq/.erlang.cookie");
    expect(cookie.stdout).toBe("400 999\n");
  });

  test("a wrong password, the user guest and another's virtual host are refused", async () => {
    expect(await as("web", "connect", "amqp://web:wrong@rabbitmq/main")).toBe("not let in");
    expect(await as("web", "connect", "amqp://guest:guest@rabbitmq/main")).toBe("not let in");
    expect(await as("web", "connect", `\${AMQP_URL%main}orders`)).toContain("not_allowed");
    expect(namesIn(await api("GET", "users"))).toEqual(["shop", "stack_admin", "stack_monitor", "web"]);
  });

  test("apps reach neither the management of the server nor its Erlang ports", async () => {
    const asked = `bash -c '. /dev/stdin; host=rabbitmq user=web password=x; tr() { printf %s "$RABBITMQ_PASSWORD"; }; api GET overview; echo "$status"'`;
    const script = readFileSync(join(stack.directory, "config/rabbitmq/server/api.sh"), "utf8");
    expect((await stack.sh("web", asked.replace("</dev/null", ""), script)).stdout.trim()).toBe("401");
    const port = (number: number) => stack.sh("web", `bash -c ': <>/dev/tcp/rabbitmq/${number}'`);
    const codes = [];
    for (const number of [5672, 4369, 25672]) codes.push((await port(number)).code);
    expect(codes).toEqual([0, 1, 1]);
  });

  test("queues are quorum queues unless an app needs others, and what an app declares may be there already", async () => {
    const said = await as("web", "declare mails durable then declare reports durable then declare mine exclusive");
    expect(said).toBe("mails\nreports\nmine");
    const queues = (await ctl("list_queues", "--vhost", "main", "name", "type", "policy")).split("\n");
    expect(queues.map((line) => line.trim()).sort()).toEqual([
      "failed\tquorum",
      "mails\tquorum\tstack:mails",
      "reports\tquorum",
    ]);
  });

  test("what is bound arrives, and what is rejected goes to the queue for dead letters", async () => {
    expect(await as("web", "publish events mail.new 7 7 10 then reject mails")).toBe("confirmed\nrejected");
    await vi.waitUntil(async () => (await as("web", "take failed")) === "7", { timeout: 20_000 });
  });

  const watermark =
    (...value: string[]) =>
    () =>
      ctl("set_vm_memory_high_watermark", "absolute", ...value);
  test.each([
    ["memory", watermark("1MiB"), watermark("300MiB"), "its memory is full"],
    [
      "the disk, to its last byte",
      () => stack.sh("ballast", "cat /dev/zero >/data/ballast; df /data | grep -q 100%"),
      () => stack.sh("ballast", "rm /data/ballast"),
      "the disk is nearly full",
    ],
  ])(
    "%s is full: publishers wait, nobody is restarted for it, nothing is lost, and they go on",
    async (_, fill, makeRoom, problem) => {
      const { id } = await live();
      const startedAt = async () => (await engine.observe(name)).containers.find((one) => one.id === id)?.startedAt;
      const before = await startedAt();
      expect(await as("web", "publish '' reports 1 5 10")).toBe("confirmed");
      expect(await fill()).toSatisfy((done) => done === "" || done.code === 0);
      await vi.waitUntil(async () => (await inspected()).problems.length > 0, { timeout: 30_000 });
      expect((await inspected()).problems[0]?.message).toContain(problem);
      expect(await as("web", "publish '' reports 6 10 2")).toBe("held back");
      expect((await health()).code).toBe(0);
      await makeRoom();
      await vi.waitUntil(async () => (await inspected()).problems.length === 0, { timeout: 60_000 });
      // Of what was held back as much may be there as was under way.
      const taken = await as("web", "publish '' reports 11 15 10 then take reports");
      expect(taken).toMatch(/^confirmed\n1 2 3 4 5 (?:(?:[6-9]|10) )*11 12 13 14 15$/);
      expect(await startedAt()).toBe(before);
    },
  );

  test("tells what waits where", async () => {
    await vi.waitUntil(async () => (await inspected()).facts["longest queues"] === "orders/paid 3", {
      timeout: 15_000,
    });
    expect((await inspected()).facts.memory).toMatch(/^\d+M of \d+M$/);
  });

  test("has every figure that rules and dashboard ask for", async () => {
    const ask = `bash -c 'exec 3<>/dev/tcp/127.0.0.1/15692; printf "GET /metrics/per-object HTTP/1.0\\r\\n\\r\\n" >&3; cat <&3'`;
    const { stdout } = await stack.sh("rabbitmq", ask);
    const there = new Set(stdout.match(/^rabbitmq_\w+/gm));
    const shown = dashboard("rabbitmq").panels.flatMap(({ queries }) => queries.map(({ expr }) => expr));
    const asked = [...alertRules("rabbitmq", { queues: {} }).map(({ expr }) => expr), ...shown].join("\n");
    const names = new Set(asked.match(/\brabbitmq_\w+(?=\{)/g));
    expect(names.size).toBeGreaterThan(15);
    expect([...names].filter((metric) => !there.has(metric))).toEqual([]);
  });

  test("a kill, and a stop, keep what was confirmed; a server that does not run is an error of the copy", async () => {
    expect(await as("web", "publish '' mails 1 50 10")).toBe("confirmed");
    expect((await stack.compose("kill", "rabbitmq")).code).toBe(0);
    await stack.up();
    expect(await as("web", "publish '' mails 51 60 10")).toBe("confirmed");
    expect((await stack.compose("stop", "rabbitmq")).code).toBe(0);
    await expect(dumpKind.produce(produceJob(context, source))).rejects.toThrow("rabbitmq is exited");
    const stopped = await stack.compose("ps", "-a", "--format", "{{.ExitCode}}", "rabbitmq");
    expect(stopped.stdout.trim()).toBe("0");
    await stack.up();
    expect(await as("web", "take mails")).toBe(numbers(1, 60));
  });

  test("an app that was added later, and another password, count after the next start, without a restart", async () => {
    const { id } = await live();
    const before = stack.secret("rabbitmq_web");
    await become(stackWith([web, shop, later]));
    await stack.rotate("rabbitmq_web", "it's a \\new: p@ss/word%");
    await stack.up();
    await Promise.all(["web", "later"].map(bring));
    expect((await live()).id).toBe(id);
    expect(await as("later", "connect")).toBe("in");
    expect(await as("web", "connect")).toBe("in");
    expect(await as("web", "connect", `amqp://web:${before}@rabbitmq/main`)).toBe("not let in");
  });

  test("what stack.yaml does not know any more is gone after the next start; what was made by hand stays", async () => {
    await api("PUT", "users/partner", { password: "a-password-of-the-test", tags: "" });
    await api("PUT", "permissions/orders/partner", { configure: "", write: "", read: ".*" });
    await api("PUT", "permissions/orders/web", { configure: ".*", write: ".*", read: ".*" });
    await api("PUT", "policies/main/by-hand", { pattern: "^reports$", definition: { "max-length": 5 } });
    await become(stackWith([web, shop], declared.replace("{ deadLetter: failed, deliveryLimit: 5 }", "")));
    await stack.up();
    const users = await api("GET", "users");
    expect(namesIn(users)).toEqual(["partner", "shop", "stack_admin", "stack_monitor", "web"]);
    const rights = await api("GET", "vhosts/orders/permissions");
    expect(namesIn(rights, "user")).toEqual(["partner", "shop", "stack_admin", "stack_monitor"]);
    expect(namesIn(await api("GET", "policies/main"))).toEqual(["by-hand"]);
  });

  test("a queue does not change its type, and the set-up says so", async () => {
    await become(stackWith([web, shop], declared.replace("failed:", "failed: { type: stream }")));
    const refused = await setUp();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("rabbitmq refuses queues/main/failed: inequivalent arg 'x-queue-type'");
    expect(refused.stderr).toContain("./prod.sh rabbitmqctl delete_queue --vhost VHOST NAME");
    await become(stackWith([web, shop]));
    expect((await setUp()).code).toBe(0);
  });

  describeDefinitions();
  describeMessages();

  /** The copy that is made unless stack.yaml wants another. */
  function describeDefinitions() {
    let job: ProduceJob<DataSourceOf<"dump">>;
    let snapshot: { manifest: SnapshotManifest; folder: string };

    test("a copy holds all that is defined, without messages, and Erlang finds it sound", async () => {
      job = produceJob(context, source);
      snapshot = snapshotIn(job, await dumpKind.produce(job));
      expect(snapshot.manifest.parts.map(({ name: part }) => part)).toEqual(["definitions.json"]);
      const counts = { queues: 4, exchanges: 1, bindings: 1, policies: 2, users: 1 };
      expect(snapshot.manifest.facts).toEqual({ counts: { before: counts, after: counts } });
      const detail = "definitions.json: 4 queues, 1 exchanges, 1 bindings, 2 policies, 1 users";
      expect(await dumpKind.check(partsJob(job, snapshot))).toEqual({ ok: true, detail });
      expect(stack.model.unprotected).toMatchObject([{ name: "rabbitmq-messages" }]);
    });

    test("it comes back line by line, and apps are let in", async () => {
      const before = await definitionsOf(await live());
      const loaded = await dumpKind.load(loadJob(job, snapshot));
      expect(loaded.checks[0]?.ok).toBe(true);
      const [restored = ""] = loaded.volumes.map((volume) => volume.restored);
      await on(restored, async (server) => {
        expect(await definitionsOf(server)).toEqual(before);
        expect(await clientIn(server, "take paid", "shop", "orders")).toBe("");
        expect(await clientIn(server, "publish '' mails 1 5 10", "web", "main")).toBe("confirmed");
      });
      await engine.removeVolume(restored);
      expect(await oneOffs(context)).toEqual([]);
    });

    test("the lines of the runbook check it and make a volume of it that a server starts on, without this program", async () => {
      const before = await definitionsOf(await live());
      const store = join(stack.directory, "by-hand");
      const folder = join(store, "snapshots/rabbitmq", snapshot.manifest.id);
      cpSync(snapshot.folder, folder, { recursive: true });
      writeFileSync(join(folder, "manifest.json"), JSON.stringify(snapshot.manifest));
      const runbook =
        handbook(stack.model, catalogue.templates).find(({ path }) => path === "RUNBOOK.md")?.content ?? "";
      const [lines = ""] = shellBlocks(runbook, "The server rabbitmq");
      const typed = `set -eu\nSTORE=$PWD/by-hand\nchmod -R a+rX "$STORE"\n${lines}`;
      const { code, stdout, stderr } = await run(["bash", "-c", typed], { cwd: stack.directory, timeout: 120_000 });
      expect(code, stdout + stderr).toBe(0);
      const counted = JSON.parse(/^count (.*)$/m.exec(stdout)?.[1] ?? "{}");
      expect(snapshot.manifest.facts).toEqual({ counts: { before: counted, after: counted } });
      const volume = `${name}_rabbitmq-data-new`;
      try {
        await on(volume, async (server) => expect(await definitionsOf(server)).toEqual(before));
      } finally {
        await engine.removeVolume(volume);
      }
    });

    test("a file that was cut is found", async () => {
      const path = join(snapshot.folder, "definitions.json");
      const whole = readFileSync(path);
      writeFileSync(path, whole.subarray(0, whole.length / 2));
      expect(await dumpKind.check(partsJob(job, snapshot))).toMatchObject({ ok: false });
      await expect(dumpKind.load(loadJob(job, snapshot))).rejects.toThrow(/is damaged/);
      writeFileSync(path, whole);
      expect((await dumpKind.check(partsJob(job, snapshot))).ok).toBe(true);
    });

    test("a server that does not take its administrator's password is named, and the password is not", async () => {
      const right = stack.secret("rabbitmq_stack_admin");
      stack.writeSecret("rabbitmq_stack_admin", "wrong-password-of-the-test\n");
      const early = await setUp();
      const error = await dumpKind.produce(produceJob(context, source)).catch((thrown: unknown) => thrown);
      stack.writeSecret("rabbitmq_stack_admin", `${right}\n`);
      expect(early).toMatchObject({ code: 1 });
      expect(early.stderr).toContain("rabbitmq refuses stack_admin; if secrets/rabbitmq_stack_admin was changed");
      const said = (error as { details: string[] }).details.join("\n");
      expect(said).toContain("rabbitmq does not let its administrator in: 401");
      expect(said).toContain("docker compose restart rabbitmq");
      expect(JSON.stringify(error)).not.toContain("wrong-password-of-the-test");
    });
  }

  /** With `backup: pause`. */
  function describeMessages() {
    test("a copy of the paused server's disk brings back every message that was confirmed", async () => {
      expect(await as("web", "publish '' mails 1 400 20")).toBe("confirmed");
      const options = rabbitmq.options.parse({ backup: "pause" });
      const use = { key: "rabbitmq", usedBy: [], monitored: false, template: () => "" };
      const [paused] = rabbitmq.contribute(options, use as never).dataSources ?? [];
      const volume = { ...paused, component: "rabbitmq" } as DataSourceOf<"volume">;
      expect(volume).toMatchObject({ kind: "volume", consistency: { kind: "pause" } });
      const job = produceJob(context, volume);
      const snapshot = snapshotIn(job, await volumeKind.produce(job));
      expect((await health()).code).toBe(0);
      const loaded = await volumeKind.load(loadJob(job, snapshot));
      const [restored = ""] = loaded.volumes.map((each) => each.restored);
      await on(restored, async (server) => {
        expect(await clientIn(server, "take mails", "web", "main")).toBe(numbers(1, 400));
        expect(await clientIn(server, "take paid", "shop", "orders")).toBe("1 2 3");
      });
      await engine.removeVolume(restored);
    });
  }

  /** The client inside a server that has no network, as an app. */
  async function clientIn(server: StandingServer, words: string, user: string, vhost: string): Promise<string> {
    await server.exec(["sh", "-c", "cat >/tmp/client"], { input: program });
    const password = encodeURIComponent(stack.secret(`rabbitmq_${user}`)).replaceAll("'", "%27");
    const line = `URL='amqp://${user}:${password}@127.0.0.1/${vhost}' escript /tmp/client ${words}`;
    const { stdout, stderr } = await server.exec(["sh", "-c", line]);
    return (stdout + stderr).trim();
  }

  test("no secret stands in inspect, logs or process lists", async () => {
    const text = await stack.readable(["rabbitmq", "rabbitmq-setup"]);
    expect(text).toContain("Server startup complete");
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
  });

  test("the health check fails where nothing listens, and where the server's core is stopped", async () => {
    expect((await health()).code).toBe(0);
    const dead = (port: number) => `sed 's/${port}/6${port % 1000}/' /etc/rabbitmq/health.sh | bash`;
    expect((await stack.sh("rabbitmq", dead(5672))).code).toBe(1);
    await ctl("stop_app");
    expect((await health()).code).toBe(1);
  });
});
