import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueCertificate } from "../../src/generator/certificates.ts";
import { writeServiceMetrics } from "../../src/operations/metrics/write.ts";
import { runStart } from "../../src/operations/start.ts";
import { metricsFolder } from "../../src/stack/monitoring.ts";
import { writeFileAtomic } from "../../src/support/files.ts";
import { run } from "../../src/support/process.ts";
import { freePort } from "../support/cli-stack.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type MailServer, mailServer, type PostBox, postBox } from "../support/receivers.ts";
import { request } from "./edge-request.ts";
import { type MonitoringStack, monitoringImages, monitoringStack, shortenMemory, soon } from "./monitoring-stack.ts";

const images = [
  ...monitoringImages,
  "traefik:v3.7.11",
  "redis:8.2.9-bookworm",
  "oliver006/redis_exporter:v1.88.0-alpine",
  "node:22-trixie-slim",
  "postgres:18.6-trixie",
  "quay.io/prometheuscommunity/postgres-exporter:v0.20.1",
  "pgsty/silo:RELEASE.2026-09-16T00-00-00Z",
];

/** An app that can be made sick, slow and wrong. */
const program = `
  let sick = false;
  require("node:http").createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://x");
    if (pathname === "/exit") return response.end("bye", () => process.exit(1));
    if (pathname === "/slow") return setTimeout(() => response.end("late"), 1500);
    if (pathname === "/sick" || pathname === "/well") sick = pathname === "/sick";
    if (pathname === "/fail") response.statusCode = 500;
    if (pathname === "/health" && sick) response.statusCode = 503;
    response.end();
  }).listen(3000);`;

function app(key: string, more: string): string {
  return [
    `  ${key}:`,
    `    { type: app, image: "node:22-trixie-slim", user: "1000:1000", port: 3000, uses: [redis], ${more}`,
    `      health: { path: /health, interval: 1s }, entrypoint: [node], command: [-e, ${JSON.stringify(program)}] }`,
  ].join("\n");
}

const day = 86_400_000;

/** What is true of the machine that tests run on: it may be busy, and other tests fill disks of their own. */
const ofTheMachine = [
  "HostClockWrong",
  "HostCpuSaturated",
  "HostCpuStolen",
  "HostDiskFilling",
  "HostDiskFullSoon",
  "HostDiskSlow",
  "HostMemoryFull",
  "HostMemoryFullSoon",
];

/** What goes wrong arrives at each receiver once, and its end too. Each test goes on from the last. */
await describeWithDocker("alerts of a stack", images, (engine) => {
  let stack: MonitoringStack;
  let box: PostBox;
  let mails: MailServer;
  let looking: NodeJS.Timeout | undefined;
  let https: number;
  let hasDisk = false;
  const disk = mkdtempSync(join(tmpdir(), "small-disk-"));

  beforeAll(async () => {
    hasDisk = mountSmallDisk(disk);
    const gateway = await hostAddress();
    box = await postBox(gateway);
    mails = await mailServer({ tls: "none", host: gateway });
    https = await freePort();
    stack = await monitoringStack(
      engine,
      [
        `  traefik: { ports: { http: ${await freePort()}, https: ${https} } }`,
        app("web", "routes: [web.localhost],"),
        app("worker", ""),
        "  redis: {}",
        "  postgres: {}",
        "  minio: {}",
        `  monitoring: { scrape: 2s, without: [${ofTheMachine.join(", ")}] }`,
        "notify:",
        "  slack: { webhook: slack_webhook }",
        `  email: { to: ops@example.com, smtp: "${gateway}:${mails.port}", tls: none }`,
        `  pagerduty: { key: pagerduty_key, url: "${box.base}/pagerduty", only: critical }`,
        "  webhook: { url: alert_webhook }",
        "  heartbeat: heartbeat_url",
      ].join("\n"),
    );
    shortenMemory(join(stack.directory, "config/monitoring/rules"), [
      "RequestsFail",
      "RequestsSlow",
      "ServiceCrashLoop",
    ]);
    const secrets = { slack_webhook: "slack", alert_webhook: "webhook", heartbeat_url: "heartbeat" };
    for (const [name, path] of Object.entries(secrets)) writeSecret(stack, name, `${box.base}/${path}\n`);
    writeSecret(stack, "pagerduty_key", "routing-key-of-the-test\n");
    await runStart(stack.context(), { services: ["traefik", "web", "worker", "postgres", "minio"] });
    // As `./prod.sh watch` does.
    const look = async () => {
      await writeServiceMetrics(stack.context(), { scheduled: true }).catch(() => {});
      looking = setTimeout(look, 1_000);
    };
    await look();
    await runStart(stack.context());
  });

  afterAll(async () => {
    clearTimeout(looking);
    await stack?.remove();
    box?.close();
    await mails?.close();
    spawnSync("umount", ["--lazy", disk]);
    rmSync(disk, { recursive: true, force: true });
    rmSync(`${disk}.img`, { force: true });
  });

  test("as long as all is well only the heartbeat is heard", async () => {
    await soon(async () => expect(box.bodies("/heartbeat")).not.toEqual([]));
    const prometheus = await stack.prometheus();
    await soon(async () =>
      expect((await prometheus.targets()).filter((target) => !target.endsWith(" up"))).toEqual([]),
    );
    const ofOtherDisks = (text: string) => /HostDiskFull|the disk at/.test(text);
    expect((await prometheus.firing()).filter((alert) => !ofOtherDisks(alert))).toEqual(["Watchdog monitoring"]);
    expect(told(box)).toEqual([]);
    expect(subjectsTo(mails).filter((subject) => !ofOtherDisks(subject))).toEqual([]);
  });

  test("a database that is stopped is one message to everybody, without the apps that fail with it", async () => {
    await stack.compose("stop", "--timeout", "1", "redis");
    await get("/sick");
    const prometheus = await stack.prometheus();
    await soon(async () => expect(await prometheus.firing()).toContain("ServiceUnhealthy web"));
    await soon(async () => expect(told(box)).toEqual(expect.arrayContaining(["ServiceDown redis", "RedisDown redis"])));
    await soon(async () => expect(await stateOf("ServiceUnhealthy")).toBe("suppressed"));
    const name = stack.model.name;
    await soon(async () => {
      expect(titlesTo(box)).toContainEqual(expect.stringMatching(`^CRITICAL ${name}: redis does not`));
      expect(subjectsTo(mails)).toContainEqual(expect.stringMatching(`^CRITICAL ${name}: redis does not`));
      expect(incidentsAt(box)).toContainEqual(expect.stringMatching(`^trigger CRITICAL ${name}: redis does not`));
    });
    expect(slackTexts(box).join("\n")).toContain("CRITICAL redis does not run [redis] `./prod.sh start redis`");
    expect(told(box).filter((alert) => alert.endsWith(" web"))).toEqual([]);
  });

  test("when it is back its end is told, and the app that is still sick is told for itself", async () => {
    await stack.compose("start", "redis");
    const name = stack.model.name;
    await soon(async () => {
      expect(titlesTo(box)).toContainEqual(expect.stringMatching(`^RESOLVED ${name}: redis`));
      expect(subjectsTo(mails)).toContainEqual(expect.stringMatching(`^RESOLVED ${name}: redis`));
      expect(incidentsAt(box)).toContainEqual(expect.stringMatching("^resolve "));
      expect(told(box)).toContain("ServiceUnhealthy web");
    });
    const redis = events(box).filter(({ payload }) => /redis/.test(payload?.summary ?? ""));
    const resolved = events(box).filter(({ event_action }) => event_action === "resolve");
    expect(resolved.map(({ dedup_key }) => dedup_key)).toContain(redis[0]?.dedup_key);
    await get("/well");
    await soon(async () => expect(titlesTo(box)).toContainEqual(`RESOLVED ${name}: ${name}-web-1 is unhealthy`));
  });

  test("a killed database, an object store that hangs and a stopped edge are each told, and what follows is not", async () => {
    await stack.compose("kill", "postgres");
    await stack.compose("pause", "minio");
    await stack.compose("stop", "--timeout", "1", "traefik");
    await soon(async () => expect(told(box)).toEqual(expect.arrayContaining(lost)));
    await soon(async () => expect(await stateOf("RouteDown")).toBe("suppressed"));
    await soon(async () => {
      for (const summary of ["postgres does not", "minio does not", "traefik does not"]) {
        const message = expect.stringContaining(`CRITICAL ${stack.model.name}: ${summary}`);
        expect(titlesTo(box)).toContainEqual(message);
        expect(subjectsTo(mails)).toContainEqual(message);
        expect(incidentsAt(box)).toContainEqual(message);
      }
    });
  });

  test("and that they are back", async () => {
    await stack.compose("start", "postgres", "traefik");
    await stack.compose("unpause", "minio");
    await soon(async () => expect(ended(box)).toEqual(expect.arrayContaining(lost)));
    await soon(async () => {
      for (const name of ["postgres", "minio", "traefik"]) {
        const message = expect.stringMatching(`^RESOLVED ${stack.model.name}: ${name} `);
        expect(titlesTo(box)).toContainEqual(message);
        expect(subjectsTo(mails)).toContainEqual(message);
      }
    });
    await soon(async () => expect((await get("/well")).status).toBe(200));
  });

  test("requests that fail or take long, a crash loop, a full disk, an old copy and a bad certificate are each told", async () => {
    await fail();
    await crashLoop();
    if (hasDisk) fillDisk(disk);
    staleBackup(7_200);
    // Good for two more days.
    await showCertificate(new Date(Date.now() - 395 * day));
    await soon(async () => expect(told(box)).toEqual(expect.arrayContaining(broken())));
    // Slow requests are for the day.
    expect(incidentsAt(box).filter((line) => line.includes("takes longer"))).toEqual([]);
    expect(subjectsTo(mails).filter((line) => line.includes("takes longer"))).not.toEqual([]);
  });

  test("and the end of each", async () => {
    rmSync(join(disk, "large"), { force: true });
    staleBackup(0);
    await showCertificate(new Date());
    await soon(async () => expect(ended(box)).toEqual(expect.arrayContaining(broken())), 180_000);
    const name = stack.model.name;
    await soon(async () => {
      expect(titlesTo(box)).toContainEqual(
        expect.stringMatching(`^RESOLVED ${name}: the newest copy of orders in offsite`),
      );
      expect(subjectsTo(mails)).toContainEqual(expect.stringMatching(`^RESOLVED ${name}: the newest copy of orders`));
    });
  });

  test("nobody was told of anything else", () => {
    const expected = [
      "BackupStale backups",
      "CertificateBad web",
      ...(hasDisk ? ["HostDiskFull host"] : []),
      "MinioDown minio",
      "PostgresDown postgres",
      "RedisDown redis",
      "RequestsFail web",
      "RequestsSlow web",
      "ServiceCrashLoop worker",
      "ServiceDown postgres",
      "ServiceDown redis",
      "ServiceUnhealthy web",
    ];
    // Traefik is made anew for another certificate, between two starts a service in a crash loop does not run, and one
    // that stood still neither runs nor is healthy at once. Where all wait equally long, an effect may be told a moment
    // before its cause; for users it waits longer.
    const passing = [
      / traefik$/,
      /^RouteDown web$/,
      /^ServiceDown worker$/,
      /^(ServiceDown|ServiceUnhealthy|TargetDown) minio$/,
    ];
    expect(told(box).filter((alert) => !passing.some((pattern) => pattern.test(alert)))).toEqual(expected);
    expect(JSON.stringify(box.bodies("/slack")) + mails.mails.map(({ text }) => text).join()).not.toContain("Watchdog");
  });

  const lost = [
    "MinioDown minio",
    "PostgresDown postgres",
    "ServiceDown postgres",
    "ServiceDown traefik",
    "TraefikDown traefik",
  ];

  const broken = () => [
    "BackupStale backups",
    "CertificateBad web",
    ...(hasDisk ? ["HostDiskFull host"] : []),
    "RequestsFail web",
    "RequestsSlow web",
    "ServiceCrashLoop worker",
  ];

  const get = (path: string) =>
    request({ port: https, host: "web.localhost", path, trust: readFileSync(authorityPath(stack), "utf8") });

  /** What Alertmanager makes of an alert: `active` is told, `suppressed` follows from another. */
  async function stateOf(name: string): Promise<string | undefined> {
    const address = await stack.address("alertmanager");
    const response = await fetch(`http://${address}:9093/api/v2/alerts?filter=alertname=${name}`);
    return ((await response.json()) as { status: { state: string } }[])[0]?.status.state;
  }

  /** A third of 60 requests fails, and 25 take longer than a second. */
  async function fail(): Promise<void> {
    await get("/fail");
    // A counter must have been seen before it can be seen to grow.
    const prometheus = await stack.prometheus();
    await soon(async () =>
      expect(await prometheus.query('traefik_service_requests_total{code="500"}')).not.toEqual({}),
    );
    for (let round = 0; round < 20; round += 1) await Promise.all([get("/fail"), get("/"), get("/")]);
    await Promise.all(Array.from({ length: 25 }, () => get("/slow")));
  }

  /** Five ends within a minute, each after it was seen to run again. */
  async function crashLoop(): Promise<void> {
    for (let round = 0; round < 5; round += 1) {
      await soon(async () => {
        const address = await stack.address("worker", "redis");
        expect((await fetch(`http://${address}:3000/exit`, { signal: AbortSignal.timeout(2_000) })).ok).toBe(true);
      });
    }
  }

  /** Figures as the supervisor writes them after a backup: the newest copy is so many seconds old. */
  function staleBackup(age: number): void {
    const labels = `stack="${stack.model.name}",source="orders"`;
    const lines = [
      `create_stack_backup_recovery_point_timestamp_seconds{${labels},destination="offsite"} ${Date.now() / 1_000 - age}`,
      `create_stack_backup_recovery_point_objective_seconds{${labels}} 900`,
    ];
    writeFileAtomic(join(stack.directory, metricsFolder, "orders.prom"), `${lines.join("\n")}\n`, 0o644);
  }

  /** Traefik gets a certificate that was issued on this day, for 397 days. */
  async function showCertificate(today: Date): Promise<void> {
    const authority = {
      certificate: readFileSync(authorityPath(stack), "utf8"),
      key: readFileSync(`${authorityPath(stack)}.key`, "utf8"),
    };
    const issued = await issueCertificate({ authority, hosts: ["web.localhost"], today });
    writeSecret(stack, "local_certificate", issued.certificate);
    writeSecret(stack, "local_certificate_key", issued.key);
    await stack.compose("up", "--detach", "--force-recreate", "--no-deps", "--timeout", "1", "traefik");
  }
});

function writeSecret({ directory }: MonitoringStack, name: string, content: string): void {
  mkdirSync(join(directory, "secrets"), { recursive: true, mode: 0o700 });
  writeFileAtomic(join(directory, "secrets", name), content, 0o444);
}

function authorityPath({ directory }: MonitoringStack): string {
  return join(directory, "secrets", "local_authority");
}

/** Address of this host on the engine's own bridge, which containers with a way out reach. */
async function hostAddress(): Promise<string> {
  const format = "{{range .IPAM.Config}}{{.Gateway}}{{end}}";
  return (await run(["docker", "network", "inspect", "bridge", "--format", format])).stdout.trim();
}

/** A disk of 24 MB; false where nobody may mount one. */
function mountSmallDisk(folder: string): boolean {
  const image = `${folder}.img`;
  writeFileSync(image, Buffer.alloc(24 * 1024 ** 2));
  const made = spawnSync("mkfs.ext4", ["-q", image]).status === 0;
  const mounted = made && spawnSync("mount", ["-o", "loop", image, folder]).status === 0;
  if (!mounted) process.stderr.write("skipped: the alert of a full disk (no file system can be mounted)\n");
  return mounted;
}

function fillDisk(folder: string): void {
  writeFileSync(join(folder, "large"), Buffer.alloc(19 * 1024 ** 2, 1));
}

interface Alert {
  status: "firing" | "resolved";
  labels: Record<string, string>;
}

/** Every alert that the webhook was told of, each once: `ServiceDown redis`. Of disks only the small one. */
function told(box: PostBox, statuses: readonly Alert["status"][] = ["firing", "resolved"]): string[] {
  const documents = box.bodies("/webhook") as { alerts: Alert[] }[];
  const names = documents.flatMap(({ alerts }) =>
    alerts
      .filter(({ labels, status }) => labels.mountpoint?.includes("small-disk") !== false && statuses.includes(status))
      .map(({ labels }) => `${labels.alertname} ${labels.component}`),
  );
  return [...new Set(names)].sort();
}

function ended(box: PostBox): string[] {
  return told(box, ["resolved"]);
}

interface SlackDocument {
  attachments: { title: string; text: string }[];
}

function titlesTo(box: PostBox): string[] {
  return (box.bodies("/slack") as SlackDocument[]).map(({ attachments }) => attachments[0]?.title ?? "");
}

function slackTexts(box: PostBox): string[] {
  return (box.bodies("/slack") as SlackDocument[]).map(({ attachments }) => attachments[0]?.text ?? "");
}

/** Subjects of the mails; one that is long comes in several lines. */
function subjectsTo({ mails }: MailServer): string[] {
  return mails.map(({ text }) => /^Subject: (.*(?:\r\n[ \t].*)*)/m.exec(text)?.[1]?.replace(/\r\n[ \t]/g, " ") ?? "");
}

interface IncidentEvent {
  event_action: string;
  dedup_key: string;
  payload?: { summary: string };
}

function events(box: PostBox): IncidentEvent[] {
  return box.bodies("/pagerduty") as IncidentEvent[];
}

function incidentsAt(box: PostBox): string[] {
  return events(box).map(({ event_action, payload }) => `${event_action} ${payload?.summary ?? ""}`);
}
