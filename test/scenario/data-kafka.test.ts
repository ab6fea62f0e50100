import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { component as appComponent } from "../../src/components/app/index.ts";
import type { Component } from "../../src/components/component.ts";
import { component as kafkaComponent } from "../../src/components/kafka/index.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { buildModel } from "../../src/generator/model.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import { runRestore } from "../../src/operations/restore/run.ts";
import { loadStackConfig } from "../../src/stack/load.ts";
import type { InspectionAnswer } from "../../src/stack/model.ts";
import { writeFileAtomic } from "../../src/support/files.ts";
import { run } from "../../src/support/process.ts";
import { contextFor, removeOneOffs } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { toolboxImage } from "../support/volume-content.ts";
import { type DataStack, dataStack, hardened, hardeningOf, uniqueName, withSmallDisk } from "./data-stack.ts";

const image = "apache/kafka:4.3.1";
const name = uniqueName("data-kafka");
const further = [kafkaComponent] as unknown as Component[];

const app = (key: string, uses: string) => `
  ${key}:
    { type: app, image: "${image}", user: "1000:1000", uses: [${uses}], entrypoint: [sleep, infinity],
      health: { exec: ["true"], interval: 2s }, limits: { memory: 256m } }`;

const topics = "orders: { partitions: 3 }, payments: { retention: 2d }";
const stackYaml = (topics: string, backup = "pause") => `
name: ${name}
components:${app("web", "kafka/orders")}
  kafka: { topics: { ${topics} }, backup: ${backup}, memory: 768m }
  small: { type: kafka, topics: { filling: { size: 2g } }, memory: 640m }
`;

const smallDisk = { service: "small", size: "48m", user: "1000:1000" } as const;

/** Commands leave what they have loaded for the next one, which then starts in half the time. Two at once cannot both: no word of it. */
const archive = "-XX:SharedArchiveFile=/tmp/commands.jsa -XX:+AutoCreateSharedArchive -Xlog:disable";

/** A login as Java's clients read it, of the variables that the app was given: first for JAAS, then for a file of properties. */
const loginOf = (password: string) => String.raw`
file=$(mktemp)
escaped=$(printf %s ${password} | sed -e 's/\\/\\\\\\\\/g' -e 's/"/\\\\"/g')
cat >$file <<END
security.protocol=$KAFKA_SECURITY_PROTOCOL
sasl.mechanism=$KAFKA_SASL_MECHANISM
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="$KAFKA_USERNAME" password="$escaped";
END
export KAFKA_HEAP_OPTS=-Xmx64m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1 ${archive}' LOG_DIR=/tmp
`;

await describeWithDocker("kafka", [image, smallImage, toolboxImage], (engine: Engine) => {
  let stack: DataStack;

  const asApp = (service: string, tool: string, input?: string, password = '"$KAFKA_PASSWORD"') => {
    const [command, ...words] = tool.split(" ");
    const reach = '--bootstrap-server "$KAFKA_BROKERS" --command-config $file';
    const line = `${loginOf(password)}exec /opt/kafka/bin/kafka-${command}.sh ${reach} ${words.join(" ")}`;
    return stack.sh(service, line, input);
  };
  const asAdministrator = (service: string, tool: string, words: readonly string[], input?: string) =>
    stack.sh(
      service,
      `FURTHER_JAVA_OPTIONS='${archive}' exec bash /usr/local/etc/kafka/tool.sh ${tool} ${words.join(" ")}`,
      input,
    );
  /** Every record of a topic with its place, key and time. */
  const recordsOf = async (service: string, topic: string, count: number) => {
    const told = ["partition", "offset", "key", "timestamp"].map((what) => `--formatter-property print.${what}=true`);
    const words = ["--topic", topic, "--from-beginning", "--max-messages", String(count)];
    const { stdout } = await asAdministrator(service, "console-consumer", [...words, ...told]);
    return stdout.trim().split("\n").sort();
  };
  const inspect = async (): Promise<InspectionAnswer> => {
    const { stdout, stderr } = await stack.sh("kafka", "exec bash /usr/local/etc/kafka/ask.sh inspect");
    expect(stderr).toBe("");
    return JSON.parse(stdout) as InspectionAnswer;
  };
  const records = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => `key${from + index}\tvalue ${from + index}\n`).join("");
  const write = (service: string, topic: string, lines: string) =>
    asApp(service, `console-producer --topic ${topic} --reader-property parse.key=true`, lines);
  const become = async (yaml: string) => {
    await stack.become(yaml);
    withSmallDisk(stack, smallDisk);
  };
  const running = async (service: string) =>
    (await engine.observe(name)).containers.find((one) => one.service === service);

  beforeAll(async () => {
    stack = await dataStack(stackYaml(topics), further);
    withSmallDisk(stack, smallDisk);
    // In two steps: on a busy machine each has its own time.
    const { code, stderr } = await stack.compose("up", "-d", "--wait", "kafka", "small");
    expect(code, stderr).toBe(0);
    await stack.up();
  }, 600_000);
  afterAll(async () => {
    if (stack === undefined) return;
    await removeOneOffs(contextFor(stack, engine));
    await stack.remove();
  });

  test("an app writes and reads its topic with what it is given; its topics were made", async () => {
    const written = await write("web", "orders", records(0, 300));
    expect(written.stderr).toBe("");
    const read = await asApp("web", "console-consumer --topic orders --group web --from-beginning --max-messages 200");
    expect(read.stdout.trim().split("\n")).toHaveLength(200);
    expect(await inspect()).toEqual({
      facts: { topics: "2", partitions: expect.any(String), "records not read yet": "web 100" },
    });
  });

  test("another app's topic, and another's group are refused; so is a wrong password", async () => {
    const [foreign, group, wrong] = await Promise.all([
      write("web", "payments", records(0, 1)),
      asApp("web", "console-consumer --topic orders --group other --timeout-ms 50000"),
      asApp("web", "topics --list", undefined, "wrong"),
    ]);
    expect(foreign.stdout + foreign.stderr).toContain("Not authorized to access topics: [payments]");
    expect(group.stdout + group.stderr).toContain("Not authorized to access group: other");
    expect(wrong.stdout + wrong.stderr).toContain("Authentication failed");
  });

  test("runs hardened, and shows no password", async () => {
    expect(await hardeningOf(stack, "kafka")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "kafka-setup")).toEqual(hardened("1000:1000"));
    const text = await stack.readable(["kafka", "kafka-setup"]);
    expect(text).toContain("Kafka Server started");
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
  });

  test("a kill loses nothing that was confirmed; a copy made while it stands still brings back the same records, places and groups", async () => {
    const before = await recordsOf("kafka", "orders", 300);
    expect(before.filter((line) => /^CreateTime:.*\tkey\d+\tvalue \d+$/.test(line))).toHaveLength(300);
    expect((await stack.compose("kill", "kafka")).code).toBe(0);
    await stack.up();
    expect((await inspect()).facts["records not read yet"]).toBe("web 100");

    const context = contextFor(stack, engine);
    const started = (await running("kafka"))?.startedAt;
    const identity = await stack.sh("kafka", "grep cluster.id /var/lib/kafka/data/log/meta.properties");
    expect(identity.stdout).toMatch(/^cluster.id=[\w-]{22}$/m);
    const { sources } = await runBackup(context, { only: ["kafka"], version: "0.0.0" });
    expect(sources).toMatchObject([{ outcome: "ok" }]);
    // It was not stopped for it.
    expect((await running("kafka"))?.startedAt).toBe(started);
    expect((await write("web", "orders", records(300, 400))).stderr).toBe("");
    expect((await inspect()).facts["records not read yet"]).toBe("web 200");

    await runRestore(context, { only: ["kafka"], version: "0.0.0" });
    expect((await inspect()).facts["records not read yet"]).toBe("web 100");
    expect(await recordsOf("kafka", "orders", 300)).toEqual(before);
    expect(await stack.sh("kafka", "grep cluster.id /var/lib/kafka/data/log/meta.properties")).toEqual(identity);
    expect(await copied(".kafka_cleanshutdown")).toBe(0);
  });

  /** How many copies of the server hold a file of this name. */
  const copied = async (file: string) => {
    const line = `for copy in /copies/*/volume.tar.zst; do zstd -dc $copy | tar -t | grep -c '/${file}$'; done`;
    const mount = `${join(stack.directory, "backups/snapshots/kafka")}:/copies:ro`;
    const { stdout } = await run([
      "docker",
      "run",
      "--rm",
      "--user",
      "0:0",
      "-v",
      mount,
      "--entrypoint",
      "bash",
      toolboxImage,
      "-c",
      line,
    ]);
    const counts = stdout.trim().split("\n").map(Number);
    expect(counts.length).toBeGreaterThan(0);
    return counts.reduce((sum, count) => sum + count, 0);
  };

  test("with backup: stop it is stopped for a copy and started again; its files are closed in order, and come back the same", async () => {
    await become(stackYaml(topics, "stop"));
    const context = contextFor(stack, engine);
    const before = await recordsOf("kafka", "orders", 300);
    const was = await running("kafka");
    const { sources } = await runBackup(context, { only: ["kafka"], version: "0.0.0" });
    expect(sources).toMatchObject([{ outcome: "ok" }]);
    const is = await running("kafka");
    expect([is?.id, is?.state]).toEqual([was?.id, "running"]);
    expect(is?.startedAt).not.toBe(was?.startedAt);
    // What Kafka leaves when it has closed everything, and takes away when it starts.
    expect(await copied(".kafka_cleanshutdown")).toBe(1);
    await stack.up();
    expect((await write("web", "orders", records(300, 310))).stderr).toBe("");
    await runRestore(context, { only: ["kafka"], version: "0.0.0" });
    expect((await inspect()).facts["records not read yet"]).toBe("web 100");
    expect(await recordsOf("kafka", "orders", 300)).toEqual(before);
  });

  test("what stack.yaml says later is made without a restart: a topic, partitions, a password; no record goes sooner", async () => {
    const yaml = stackYaml("orders: { partitions: 5 }, payments: { retention: 1h }, later: {}");
    const components = [appComponent, kafkaComponent] as unknown as Component[];
    const templates = (path: string) => readFileSync(join(import.meta.dirname, "../../templates", path), "utf8");
    const { files } = buildModel(loadStackConfig(yaml, "stack.yaml", components), { components, templates });
    for (const { path, content } of files)
      if (path === "config/kafka/setup.sh") writeFileAtomic(join(stack.directory, path), content, 0o755);
    const started = (await running("kafka"))?.startedAt;
    const former = stack.secret("kafka_web");
    await stack.rotate("kafka_web", 'n3w" \\pass,=[x]');
    await stack.up();
    expect((await running("kafka"))?.startedAt).toBe(started);
    const { stdout } = await asAdministrator("kafka", "topics", ["--describe", "--exclude-internal"]);
    expect(stdout).toMatch(/Topic: orders\t.*PartitionCount: 5\t/);
    expect(stdout).toMatch(/Topic: later\t.*PartitionCount: 1\t/);
    expect(stdout).toMatch(/Topic: payments\t.*retention.ms=172800000/);
    const setup = await stack.compose("logs", "--no-color", "kafka-setup");
    expect(setup.stdout).toContain("payments keeps retention.ms=172800000, which is more than stack.yaml says");
    const [known, forgotten] = await Promise.all([
      asApp("web", "topics --list"),
      asApp("web", "topics --list", undefined, former),
    ]);
    expect(known.stderr).toBe("");
    expect(known.stdout.trim()).toBe("orders");
    expect(forgotten.stdout + forgotten.stderr).toContain("Authentication failed");
  });

  test("another password of the administrator wants a restart, and the set-up says so", async () => {
    const former = stack.secret("kafka_stack_admin");
    await stack.rotate("kafka_stack_admin", "another-password-of-the-administrator");
    const early = await stack.compose("run", "--rm", "-T", "--no-deps", "kafka-setup");
    await stack.rotate("kafka_stack_admin", former);
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("docker compose restart kafka");
  });

  test("on a full disk it ends itself, and comes back with what it confirmed as soon as there is room", async () => {
    expect((await asAdministrator("small", "console-producer", ["--topic filling"], "confirmed\n")).stderr).toBe("");
    const room = "$(($(df -k /data | awk 'NR == 2 { print $4 }') - 3000))";
    await stack.sh("ballast", `head -c ${room}k /dev/zero >/data/ballast`);
    const limits = ["delivery.timeout.ms=20000", "request.timeout.ms=10000", "max.block.ms=10000"];
    const words = limits.flatMap((limit) => ["--command-property", limit]);
    const lines = `${"x".repeat(1_000)}\n`.repeat(8_000);
    await asAdministrator("small", "console-producer", ["--topic filling", ...words], lines);
    const log = async () => (await stack.compose("logs", "--no-color", "small")).stdout;
    await expect.poll(log, { timeout: 60_000, interval: 1_000 }).toMatch(/No space left on device/);
    await stack.sh("ballast", "rm /data/ballast");
    const health = async () => (await running("small"))?.health;
    await expect.poll(health, { timeout: 200_000, interval: 500 }).toBe("healthy");
    const [first] = await recordsOf("small", "filling", 1);
    expect(first).toMatch(/\tconfirmed$/);
  });
});
