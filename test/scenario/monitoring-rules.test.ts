import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { labelsOf } from "../../src/components/monitoring/rule-file.ts";
import type { AlertRule } from "../../src/stack/monitoring.ts";
import { describeWithDocker } from "../support/docker.ts";
import { prometheusImage, promtoolIn } from "../support/promtool.ts";
import {
  allRules,
  casesOf,
  type FiringCase,
  monitoredFiles,
  type RuleCase,
  typesWithRules,
} from "../support/rule-cases.ts";

await describeWithDocker("alert rules, as Prometheus reads them", [prometheusImage], () => {
  const folder = mkdtempSync(join(tmpdir(), "alert-rules-"));
  const files = monitoredFiles.filter(({ path }) => path.startsWith("config/monitoring/rules/"));

  beforeAll(async () => {
    for (const { path, content } of files) write(path, content);
    for (const type of typesWithRules) write(`${type}.test.yml`, JSON.stringify(await testFile(type)));
  });
  const promtool = promtoolIn(folder);
  afterAll(async () => {
    await promtool.remove();
    rmSync(folder, { recursive: true });
  });

  function write(path: string, content: string): void {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }

  test("promtool accepts every file, and finds nothing that could be better", async () => {
    const paths = files.map(({ path }) => path);
    expect(paths.length).toBeGreaterThan(0);
    const result = await promtool("check", "rules", "--lint=all", "--lint-fatal", ...paths);
    expect(result.code, result.stdout + result.stderr).toBe(0);
  });

  test.each(typesWithRules)("those of %s fire and stay silent as they should", async (type) => {
    const result = await promtool("test", "rules", `${type}.test.yml`);
    expect(result.code, result.stdout + result.stderr).toBe(0);
    expect(result.stdout + result.stderr).toContain("SUCCESS");
  });
});

async function testFile(type: string) {
  const rules = allRules.filter((rule) => rule.type === type);
  const paths = new Set(rules.map(({ component }) => `config/monitoring/rules/${component}.yml`));
  const tests = Object.entries(await casesOf(type)).flatMap(([name, { fires, silent }]) => {
    const rule = rules.find((candidate) => candidate.name === name);
    if (rule === undefined) return [];
    return [
      ...listed(fires).map((one) => tried(`${name} fires`, one, firing(rule, one), one.alerts ?? 1)),
      ...listed(silent).map((one) => tried(`${name} stays silent`, one, [alertsOf(name, {})], 0)),
    ];
  });
  return { rule_files: [...paths], evaluation_interval: "1m", tests };
}

function tried(name: string, { series, interval, at }: RuleCase, expressions: string[], alerts: number) {
  return {
    name,
    interval: interval ?? "1m",
    input_series: Object.entries(series).map(([text, values]) => ({ series: text, values })),
    promql_expr_test: expressions.map((expr) => ({
      expr,
      eval_time: at,
      exp_samples: alerts === 0 ? [] : [{ labels: "{}", value: alerts }],
    })),
  };
}

/** All alerts of the rule, and again those with all labels that they should have: both must be as many as expected. */
function firing(rule: AlertRule, { labels }: FiringCase): string[] {
  const texts = `${rule.summary} ${rule.meaning} ${rule.command}`;
  const named = [...texts.matchAll(/\$labels\.([a-z_]+)/g)].map(([, label = ""]) => label);
  const present = Object.fromEntries([...named, "component"].map((label) => [label, undefined]));
  return [alertsOf(rule.name, {}), alertsOf(rule.name, { ...present, ...labelsOf(rule), ...labels })];
}

function alertsOf(name: string, labels: Record<string, string | undefined>): string {
  const wanted = Object.entries(labels).map(([label, value]) =>
    value === undefined ? `${label}!=""` : `${label}=${JSON.stringify(value)}`,
  );
  return `count(ALERTS{${[`alertname="${name}"`, `alertstate="firing"`, ...wanted].join(",")}})`;
}

function listed<Item>(items: Item | readonly Item[]): readonly Item[] {
  return Array.isArray(items) ? items : [items as Item];
}
