import { randomInt } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import type { Engine } from "../../src/engine/engine.ts";
import type { StackModel } from "../../src/stack/model.ts";
import { monitoringNetwork } from "../../src/stack/monitoring.ts";
import { type GeneratedStack, generatedStack } from "../support/generated-stack.ts";
import { type PrometheusClient, prometheusAt } from "../support/prometheus.ts";
import { alertmanagerImage, prometheusImage } from "../support/promtool.ts";

export const monitoringImages = [
  prometheusImage,
  alertmanagerImage,
  "quay.io/prometheus/node-exporter:v1.12.1",
  "prom/blackbox-exporter:v0.28.0",
];

/** A measured stack on the real engine, which is quicker to notice than one of a user. */
export interface MonitoringStack extends GeneratedStack {
  /** Address of a service's container on a network that the host reaches. */
  address(service: string, network?: string): Promise<string>;
  prometheus(): Promise<PrometheusClient>;
}

/** The text is that of components, and what follows them in stack.yaml. */
export async function monitoringStack(engine: Engine, components: string): Promise<MonitoringStack> {
  const stack = await generatedStack(engine, components);
  shortenWaits(join(stack.directory, "config/monitoring"));
  writeFileSync(join(stack.directory, "compose.override.yaml"), JSON.stringify({ networks: ownSubnets(stack.model) }));
  const address = async (service: string, network: string = monitoringNetwork) => {
    const [container] = await stack.containers(service);
    const found = container && (await engine.address(container.id, `${stack.model.name}_${network}`));
    if (found === undefined) throw new Error(`${service} has no address on ${network}`);
    return found;
  };
  return { ...stack, address, prometheus: async () => prometheusAt(await address("prometheus")) };
}

/** As a user may edit them: how often routes are asked for, how long a condition must hold, how long messages are gathered. */
function shortenWaits(folder: string): void {
  edit(join(folder, "prometheus.yml"), (text) => text.replace(/scrape_interval: (30s|1m)/g, "scrape_interval: 2s"));
  edit(join(folder, "alertmanager.yml"), (text) =>
    text.replace(/group_wait: 30s/, "group_wait: 1s").replace(/group_interval: 5m/, "group_interval: 2s"),
  );
  for (const file of readdirSync(join(folder, "rules")))
    edit(join(folder, "rules", file), (text) => text.replace(/ for: \S+/g, " for: 4s"));
}

/** Addresses of its own: a measured stack has many networks, and the engine's pool has room for 31 of all stacks. */
export function ownSubnets({ networks }: StackModel): Record<string, unknown> {
  const range = `10.${randomInt(192, 255)}`;
  const first = randomInt(256 - networks.length);
  return Object.fromEntries(
    networks.map(({ name }, index) => [name, { ipam: { config: [{ subnet: `${range}.${first + index}.0/24` }] } }]),
  );
}

/** Rules of these names look back for a minute instead of five, so that they are over soon. */
export function shortenMemory(folder: string, names: readonly string[]): void {
  for (const file of readdirSync(folder))
    edit(join(folder, file), (text) =>
      text
        .split(/(?=^ *- alert: )/m)
        .map((rule) =>
          names.some((name) => rule.includes(`alert: ${name}\n`)) ? rule.replaceAll("[5m]", "[1m]") : rule,
        )
        .join(""),
    );
}

function edit(path: string, change: (text: string) => string): void {
  writeFileSync(path, change(readFileSync(path, "utf8")));
}

/** Asks again until the answer is as it should be; fails with the last one. */
export function soon(check: () => Promise<void>, timeout = 90_000): Promise<void> {
  return vi.waitFor(check, { timeout, interval: 1_000 });
}
