import { readFileSync } from "node:fs";
import type { ComponentUse } from "../../src/components/component.ts";
import { fillTemplate } from "../../src/generator/templates.ts";
import { usualThresholds } from "../../src/stack/monitoring.ts";

const templates = new URL("../../templates/", import.meta.url);

/** A place in the stack `shop`, used by nobody and not monitored unless said otherwise. */
export function componentUse(key: string, parts: Partial<ComponentUse> = {}): ComponentUse {
  return {
    stack: "shop",
    environment: "production",
    key,
    usedBy: [],
    monitored: false,
    notify: {},
    thresholds: usualThresholds,
    template: (path, values) => fillTemplate((name) => readFileSync(new URL(name, templates), "utf8"), path, values),
    ...parts,
  };
}
