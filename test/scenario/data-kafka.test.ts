import { readFileSync, writeFileSync } from "node:fs";
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
import { contextFor, removeOneOffs } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { toolboxImage } from "../support/volume-content.ts";
import { type DataStack, dataStack, hardened, hardeningOf, uniqueName } from "./data-stack.ts";

const image = "apache/kafka:4.3.1";
const name = uniqueName("data-kafka");
const further = [kafkaComponent] as unknown as Component[];

const app = (key: string, uses: string) => `
  ${key}:
    { type: app, image: "${image}", user: "1000:1000", uses: [${uses}], entrypoint: [sleep, infinity],
      health: { exec: ["true"], interval: 2s }, limits: { memory: 256m } }`;

const stackYaml = (topics: string) => `
name: ${name}
components:${app("web", "kafka/orders")}${app("other", "kafka/payments")}
  kafka: { topics: { ${topics} }, memory: 768m }
  small: { type: kafka, topics: { filling: { size: 2g } }, memory: 640m }
`;

/** A login as Java's clients read it, of the variables that the app was given. */
const login = (password: string) =>
  `printf 'security.protocol=%s\\nsasl.mechanism=%s\\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="%s" password="%s";\\nrequest.timeout.ms=5000\\nmax.block.ms=8000\\ndelivery.timeout.ms=9000\\ndefault.api.timeout.ms=8000\\n' "$KAFKA_SECURITY_PROTOCOL" "$KAFKA_SASL_MECHANISM" "$KAFKA_USERNAME" ${password} >/tmp/login`;
const quick =
  "export KAFKA_HEAP_OPTS=-Xmx64m KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' LOG_DIR=/tmp";

await describeWithDocker("kafka", [image, smallImage, toolboxImage], (engine: Engine) => {
  let stack: DataStack;

  const asApp = (service: string, tool: string, input?: string, password = '"$KAFKA_PASSWORD"') => {
    const [command, ...words] = tool.split(" ");
    const line = `${login(password)}; ${quick}; exec /opt/kafka/bin/kafka-${command}.sh --bootstrap-server "$KAFKA_BROKERS" --command-config /tmp/login ${words.join(" ")}`;
    return stack.sh(service, line, input);
  };
  const asAdministrator = (service: string, tool: string, words: readonly string[], input?: string) =>
    stack.sh(service, `exec bash /usr/local/etc/kafka/tool.sh ${tool} ${words.join(" ")}`, input);
  /** Every record of a topic with its place, key and time. */
  const recordsOf = async (service: string, topic: string, count: number) => {
    const told = ["partition", "offset", "key", "timestamp"].map((what) => `--formatter-property print.${what}=true`);
    const words = ["--topic", topic, "--from-beginning", "--max-messages", String(count), "--timeout-ms", "20000"];
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
  const running = async (service: string) =>
    (await engine.observe(name)).containers.find((one) => one.service === service);

  beforeAll(async () => {
    stack = await dataStack(stackYaml("orders: { partitions: 3 }, payments: { retention: 2d }"), further);
    withSmallDisk(stack.directory);
    await stack.up();
  });
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

  test("another app's topic, a topic that nobody made, and another's group are refused; so is a wrong password", async () => {
    const [foreign, group, wrong] = await Promise.all([
      write("other", "orders", records(0, 1)),
      asApp("web", "console-consumer --topic orders --group other --timeout-ms 8000"),
      asApp("web", "topics --list", undefined, "wrong"),
    ]);
    expect(foreign.stdout + foreign.stderr).toContain("Not authorized to access topics: [orders]");
    expect(group.stdout + group.stderr).toContain("Not authorized to access group: other");
    expect(wrong.stdout + wrong.stderr).toContain("Authentication failed");
    const { stdout } = await asApp("web", "topics --list");
    expect(stdout.trim().split("\n")).toEqual(["orders"]);
  });

  test("runs hardened, and shows no password", async () => {
    expect(await hardeningOf(stack, "kafka")).toEqual(hardened("1000:1000"));
    expect(await hardeningOf(stack, "kafka-setup")).toEqual(hardened("1000:1000"));
    const text = await stack.readable(["kafka", "kafka-setup"]);
    expect(text).toContain("Kafka Server started");
    for (const value of stack.secretValues()) expect(text.includes(value)).toBe(false);
  });

  test("a backup while it stands still, and a restore of exactly those records, places and groups", async () => {
    const context = contextFor(stack, engine);
    const started = (await running("kafka"))?.startedAt;
    const before = await recordsOf("kafka", "orders", 300);
    expect(before).toHaveLength(300);
    const clusterId = await stack.sh("kafka", "grep cluster.id /var/lib/kafka/data/log/meta.properties");
    const { sources } = await runBackup(context, { only: ["kafka"], version: "0.0.0" });
    expect(sources).toMatchObject([{ outcome: "ok" }]);
    // It was not stopped for it.
    expect((await running("kafka"))?.startedAt).toBe(started);

    await write("web", "orders", records(300, 400));
    expect((await inspect()).facts["records not read yet"]).toBe("web 200");
    await runRestore(context, { only: ["kafka"], version: "0.0.0" });
    expect((await inspect()).facts["records not read yet"]).toBe("web 100");
    expect(await recordsOf("kafka", "orders", 400)).toEqual(before);
    expect(await stack.sh("kafka", "grep cluster.id /var/lib/kafka/data/log/meta.properties")).toEqual(clusterId);
  });

  test("a kill loses nothing that was confirmed", async () => {
    await write("web", "orders", records(400, 500));
    expect((await stack.compose("kill", "kafka")).code).toBe(0);
    await stack.up();
    expect((await inspect()).facts["records not read yet"]).toBe("web 200");
    const after = await recordsOf("kafka", "orders", 400);
    expect(after.filter((line) => /\tkey4\d\d\t/.test(line))).toHaveLength(100);
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
    await stack.rotate("kafka_web", 'n3w" \\pass');
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
    expect(known.stdout.trim()).toBe("orders");
    expect(forgotten.stdout + forgotten.stderr).toContain("Authentication failed");
  });

  test("another password of the administrator wants a restart, and the set-up says so", async () => {
    await stack.rotate("kafka_stack_admin", "another-password-of-the-administrator");
    const early = await stack.compose("run", "--rm", "-T", "--no-deps", "kafka-setup");
    expect(early.code).toBe(1);
    expect(early.stderr).toContain("docker compose restart kafka");
    expect((await stack.compose("restart", "kafka")).code).toBe(0);
    await stack.up();
    expect((await inspect()).facts.topics).toBe("3");
  });

  test("on a full disk it ends itself, is unhealthy, and comes back with every confirmed record when there is room", async () => {
    const lines = `${"x".repeat(1000)}\n`.repeat(40_000);
    const filled = await asAdministrator(
      "small",
      "console-producer",
      [
        "--topic filling",
        "--producer-property max.block.ms=5000",
        "--producer-property delivery.timeout.ms=6000",
        "--producer-property request.timeout.ms=5000",
        "--producer-property linger.ms=0",
      ],
      lines,
    );
    expect(filled.stdout + filled.stderr).not.toBe("");
    const log = await stack.compose("logs", "--no-color", "small");
    expect(log.stdout).toContain("No space left on device");
    await stack.sh("ballast", "rm /data/ballast");
    await expect.poll(async () => (await running("small"))?.health, { timeout: 60_000, interval: 500 }).toBe("healthy");
    const written = await asAdministrator("small", "console-producer", ["--topic filling"], "and on\n");
    expect(written.stderr).toBe("");
  });
});

/** The volume of `small` is in memory, and nearly full; `ballast` holds it there, and can make room. */
function withSmallDisk(directory: string): void {
  const path = join(directory, "compose.override.yaml");
  const override = JSON.parse(readFileSync(path, "utf8")) as { services: Record<string, unknown> };
  const volumes = [{ type: "volume", source: "small-data", target: "/data" }];
  const fill = "head -c 24m /dev/zero >/data/ballast; exec sleep 3600";
  override.services.ballast = { image: smallImage, user: "1000:1000", command: ["sh", "-c", fill], volumes };
  override.services.small = { depends_on: { ballast: { condition: "service_started" } } };
  const options = { type: "tmpfs", device: "tmpfs", o: "size=64m,uid=1000,gid=1000,mode=0755" };
  writeFileSync(
    path,
    JSON.stringify({ ...override, volumes: { "small-data": { driver: "local", driver_opts: options } } }),
  );
}
