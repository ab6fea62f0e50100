import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runStart } from "../../src/operations/start.ts";
import { describeWithDocker } from "../support/docker.ts";
import { type MonitoringStack, monitoringImages, monitoringStack } from "./monitoring-stack.ts";

await describeWithDocker("Grafana as it is provisioned", [...monitoringImages, "grafana/grafana:13.2.0"], (engine) => {
  let stack: MonitoringStack;
  let password: string;

  beforeAll(async () => {
    stack = await monitoringStack(engine, "  monitoring: {}\n  grafana: {}\n");
    await runStart(stack.context(), { services: [] });
    password = readFileSync(join(stack.directory, "secrets/grafana_admin"), "utf8").trim();
  });
  afterAll(() => stack?.remove());

  async function ask(path: string, login = password): Promise<{ status: number; body: unknown }> {
    const authorization = `Basic ${Buffer.from(`admin:${login}`).toString("base64")}`;
    const response = await fetch(`http://${await stack.address("grafana")}:3000${path}`, {
      headers: { authorization },
    });
    return { status: response.status, body: await response.json() };
  }

  test("its admin gets in with the password of secrets/, and nobody else does", async () => {
    expect((await ask("/api/org")).status).toBe(200);
    expect((await ask("/api/org", "admin")).status).toBe(401);
    const anonymous = await fetch(`http://${await stack.address("grafana")}:3000/api/org`);
    expect(anonymous.status).toBe(401);
  });

  test("its sources answer", async () => {
    const { body } = await ask("/api/datasources");
    const sources = body as { uid: string; readOnly: boolean }[];
    expect(sources.map(({ uid }) => uid).sort()).toEqual(["alertmanager", "prometheus"]);
    expect(sources.every(({ readOnly }) => readOnly)).toBe(true);
    expect((await ask("/api/datasources/uid/prometheus/health")).body).toMatchObject({ status: "OK" });
  });

  test("every dashboard of the stack is there", async () => {
    const wanted = stack.model.files.flatMap(({ path }) => /dashboards\/([a-z0-9-]+)\.json$/.exec(path)?.[1] ?? []);
    expect(wanted).toContain("applications");
    for (const uid of wanted) {
      const { status, body } = await ask(`/api/dashboards/uid/${uid}`);
      expect(status, uid).toBe(200);
      expect((body as { meta: { provisioned: boolean } }).meta.provisioned, uid).toBe(true);
    }
  });

  test("it says nothing of an error at its start", async () => {
    const { stdout } = await stack.compose("logs", "--no-color", "grafana");
    expect(stdout.split("\n").filter((line) => /level=error|"level":"error"/.test(line))).toEqual([]);
  });
});
