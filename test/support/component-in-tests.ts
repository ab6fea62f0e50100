import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type fc from "fast-check";

/**
 * What tests that go over the whole catalogue need to know of a component type; one file each in test/catalogue. A new
 * component joins random stacks, hardening rules and alert cases by such a file alone.
 */
export interface ComponentInTests {
  /** Random valid sections of stack.yaml. Left out: random stacks do not have it. */
  random?: {
    section: fc.Arbitrary<Record<string, unknown>>;
    /** How many of them a stack has at most. */
    most: number;
    /** What an app may ask for with `key/part`: a list, `none`, or undefined for any name. `unusable`: no app uses it. */
    parts: readonly string[] | undefined | "none" | "unusable";
    /** The section once the keys of the stack's apps are known, and of those that listen; left out: as it is. */
    withApps?(
      section: Record<string, unknown>,
      apps: readonly string[],
      listening: readonly string[],
    ): Record<string, unknown>;
  };
  /** Programs that a health check may call, by the name of the image without its tag: what is known to be inside. */
  healthPrograms?: [image: RegExp, programs: RegExp][];
  /** Its entries in the stack in which everything is monitored, by key, and what the app `web` uses of them. */
  monitored?: { components: Record<string, unknown>; uses?: readonly string[] };
}

const folder = join(import.meta.dirname, "../catalogue");

/** By type. */
export const componentsInTests = new Map<string, ComponentInTests>();
for (const file of readdirSync(folder).sort()) {
  const { inTests } = (await import(pathToFileURL(join(folder, file)).href)) as { inTests: ComponentInTests };
  componentsInTests.set(file.replace(/\.ts$/, ""), inTests);
}
