import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeServiceMetrics } from "../../src/operations/metrics/write.ts";
import { openAlertmanager } from "../../src/operations/notify/alertmanager.ts";
import { runStart } from "../../src/operations/start.ts";
import { runStatus } from "../../src/operations/status.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type MonitoringStack, monitoringImages, monitoringStack, soon } from "./monitoring-stack.ts";

await describeWithDocker("status of a stack that is measured", monitoringImages, (engine) => {
  let stack: MonitoringStack;
  beforeAll(async () => {
    stack = await monitoringStack(engine, "  monitoring: { scrape: 2s }");
    await runStart(stack.context());
    await writeServiceMetrics(stack.context());
  });
  afterAll(() => stack?.remove());

  const told = async () =>
    (await runStatus(stack.context())).problems.map(({ message, hint }) => `${message} -> ${hint}`);

  test("an alert that fires is told with its command, and gone when it is over", async () => {
    const alertmanager = await openAlertmanager(stack.context());
    const alert = (minutes: number) => ({
      labels: { alertname: "PostgresSlow", severity: "warning", component: "postgres" },
      annotations: { summary: "queries take 3 s", command: "./prod.sh psql" },
      startsAt: new Date(Date.now() - 600_000).toISOString(),
      endsAt: new Date(Date.now() + minutes * 60_000).toISOString(),
    });
    const words = "PostgresSlow: queries take 3 s -> ./prod.sh psql";
    expect(await told()).not.toContain(words);
    await alertmanager.post([alert(5)]);
    await soon(async () => expect(await told()).toContain(words));
    expect((await runStatus(stack.context())).monitoring?.targetsDown).toEqual([]);
    await alertmanager.post([alert(-1)]);
    await soon(async () => expect(await told()).not.toContain(words));
  });

  test("a Prometheus that hangs keeps nobody waiting", async () => {
    const [prometheus] = await stack.containers("prometheus");
    const id = prometheus?.id ?? "";
    const process = execFileSync("docker", ["inspect", "--format", "{{.State.Pid}}", id], { encoding: "utf8" }).trim();
    execFileSync("kill", ["-STOP", process]);
    try {
      const begun = performance.now();
      const { monitoring, services } = await runStatus(stack.context());
      expect(performance.now() - begun).toBeLessThan(5_000);
      expect(monitoring?.alerts).toBeDefined();
      expect(monitoring?.targetsDown).toBeUndefined();
      expect(monitoring?.silent?.join()).toMatch(/^Prometheus (gave no answer within 2.5s|runs and does not answer)$/);
      expect(services.length).toBeGreaterThanOrEqual(3);
    } finally {
      execFileSync("kill", ["-CONT", process]);
    }
    await soon(async () => expect((await runStatus(stack.context())).monitoring?.silent).toBeUndefined());
  });
});
