import { execFileSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { parse, stringify } from "yaml";
import type { Engine } from "../../src/engine/engine.ts";
import { runBackup } from "../../src/operations/backup/run.ts";
import { runVerify } from "../../src/operations/backup/verify.ts";
import { runStart } from "../../src/operations/start.ts";
import { runStatus } from "../../src/operations/status.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { modelOf, presets, presetText } from "../support/catalogue.ts";
import { freePort } from "../support/cli-stack.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type GeneratedStack, generatedStack } from "../support/generated-stack.ts";

type Section = Record<string, unknown>;

/** Types whose images cannot be had everywhere, or cost minutes; each has a scenario of its own. */
const leftOut = ["elk", "loki", "grafana", "mongodb"];

/** What is tried of a preset. */
const tried: Record<string, { without?: readonly string[] }> = {
  starter: {},
  sentineliq: {},
  lokifi: {},
  "devops-canary": {},
  rescuemesh: { without: ["monitoring"] },
  "monitoring-platform": { without: ["monitoring"] },
};

/** An application that answers whatever its health check asks. */
const standIn = "create-stack-lab/stand-in:1";
const standInText = `FROM ${smallImage}
RUN mkdir -p /www && for name in index.html health healthz; do echo ok >/www/$name; done
`;

/** The preset's components as they are, but for images of apps that nobody has, what is left out, and who gives certificates. */
async function partOf(preset: string): Promise<Record<string, Section>> {
  const { components } = parse(presetText(preset)) as { components: Record<string, Section | null> };
  const without = [...leftOut, ...(tried[preset]?.without ?? [])];
  const typed = Object.entries(components).map(([key, section]) => ({
    key,
    section: section ?? {},
    type: typeOf(key, section),
  }));
  const gone = typed.filter(({ type }) => without.includes(type)).map(({ key }) => key);
  const ports = { http: await freePort(), https: await freePort() };
  return Object.fromEntries(
    typed
      .filter(({ key }) => !gone.includes(key))
      .map(({ key, section, type }) => {
        if (type === "traefik") return [key, { limits: section.limits, ports }];
        return [key, type === "app" ? standingIn(section, gone) : section];
      }),
  );
}

function typeOf(key: string, section: Section | null): string {
  return typeof section?.type === "string" ? section.type : key;
}

function standingIn({ port, routes, health, uses, volumes, limits }: Section, gone: readonly string[]): Section {
  const kept = ((uses ?? []) as string[]).filter((use) => !gone.includes(use.split("/")[0] ?? ""));
  const command = ["httpd", "-f", "-p", String(port), "-h", "/www"];
  return { type: "app", image: standIn, command, port, routes, health, uses: kept, volumes, limits };
}

/** Networks of addresses of their own: the engine's pool has room for 31 of all stacks. */
function ownSubnets({ networks }: StackModel): Section {
  const [second, third] = [randomInt(192, 255), randomInt(250)];
  return Object.fromEntries(
    networks.map(({ name }, index) => {
      const subnet = `10.${second}.${third + (index >> 4)}.${(index & 15) * 16}/28`;
      return [name, { ipam: { config: [{ subnet }] } }];
    }),
  );
}

test("every preset is tried here or by a scenario of its own", () => {
  const elsewhere = ["demo", "minimal", "monitored", "web"];
  expect([...Object.keys(tried), ...elsewhere].sort()).toEqual(presets);
});

const images = [
  smallImage,
  ...new Set(
    Object.keys(tried).flatMap((preset) =>
      modelOf(presetText(preset))
        .services.filter(({ component, group }) => group === "data" && !leftOut.includes(component))
        .map(({ image }) => image),
    ),
  ),
];

await describeWithDocker("presets start", images, (engine: Engine) => {
  beforeAll(() => {
    execFileSync("docker", ["build", "--quiet", "--tag", standIn, "-"], { input: standInText });
  });
  /** A stack goes while the next one comes up. */
  const going: Promise<void>[] = [];
  afterAll(async () => {
    await Promise.all(going);
    execFileSync("docker", ["rmi", "--force", standIn], { stdio: "ignore" });
  });

  // Longer than all waits in it, so that a stack that does not come up is taken down again.
  test.each(Object.keys(tried))("%s", { timeout: 600_000 }, async (preset) => {
    const components = stringify(await partOf(preset));
    const stack: GeneratedStack = await generatedStack(engine, components.replace(/^(?=.)/gm, "  "));
    try {
      writeFileSync(
        join(stack.directory, "compose.override.yaml"),
        JSON.stringify({ networks: ownSubnets(stack.model) }),
      );
      await runStart(stack.context(), { pull: false, timeout: 300_000 });
      // Copies come first: right after the start of twenty servers status would only wait for their answers.
      await copyAndRestore(stack);
      const { services } = await vi.waitFor(
        async () => {
          const report = await runStatus(stack.context());
          expect(report.problems).toEqual([]);
          expect(report.healthy).toBe(true);
          return report;
        },
        { timeout: 180_000, interval: 2_000 },
      );
      expect(services.filter(({ restarts }) => restarts > 0)).toEqual([]);
      const running = services.filter((service) => service.class === "long-running");
      const used = running.reduce((sum, { memory }) => sum + (memory?.used ?? 0), 0);
      const limits = running.reduce((sum, { memory }) => sum + (memory?.limit ?? 0), 0);
      const wanted = stack.model.services.filter((service) => service.class === "long-running");
      expect(limits).toBe(wanted.reduce((sum, { limits: each, replicas }) => sum + each.memory * replicas, 0));
      // The rest is for data, work and copies.
      expect(used).toBeLessThan(0.6 * limits);
    } finally {
      going.push(stack.remove());
    }
  });

  /** Every source is copied and then restored on trial, in containers without a network. */
  async function copyAndRestore(stack: GeneratedStack): Promise<void> {
    const { sources } = await runBackup(stack.context(), { lane: "full", version: "0.0.0" });
    const names = stack.model.dataSources.map(({ name }) => name);
    expect(sources.filter(({ outcome }) => outcome !== "ok")).toEqual([]);
    expect(sources.map(({ source }) => source)).toEqual(expect.arrayContaining(names));
    const { ok, snapshots } = await runVerify(stack.context(), { deep: true });
    expect(snapshots.filter((snapshot) => !snapshot.ok)).toEqual([]);
    expect(ok).toBe(true);
    expect(new Set(snapshots.filter(({ level }) => level === "drill").map(({ source }) => source))).toEqual(
      new Set(names),
    );
  }
});
