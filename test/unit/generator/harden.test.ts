import { describe, expect, test } from "vitest";
import type { ServiceNeeds } from "../../../src/components/component.ts";
import { harden } from "../../../src/generator/harden.ts";

const needs: ServiceNeeds = {
  name: "web",
  about: "a service that says no more than it must",
  group: "apps",
  image: "foo/web:1",
  networks: ["apps"],
  limits: { cpus: 1, memory: 1024 ** 3 },
};

describe("what a component leaves out", () => {
  test("is filled in with the safe value", () => {
    expect(harden("web", needs, [])).toEqual({
      ...needs,
      component: "web",
      class: "long-running",
      environment: {},
      envFiles: [],
      secrets: [],
      mounts: [],
      tmpfs: [{ target: "/tmp", size: 64 * 1024 ** 2, mode: "1777" }],
      ports: [],
      dependsOn: [],
      replicas: 1,
      stopGracePeriod: 15_000,
      init: false,
      nofile: 16_384,
      exceptions: [],
      limits: { cpus: 1, memory: 1024 ** 3, pids: 256 },
    });
  });

  test("of a health check is filled in too", () => {
    expect(harden("web", { ...needs, healthcheck: { test: ["CMD", "x"], retries: 9 } }, []).healthcheck).toEqual({
      test: ["CMD", "x"],
      interval: 10_000,
      timeout: 5_000,
      retries: 9,
      startPeriod: 30_000,
      startInterval: 2_000,
    });
  });
});

describe("the hash of what is mounted", () => {
  const file = (path: string, content: string) => ({ path, content, mode: 0o644 as const });
  const mounting = (source: string): ServiceNeeds => ({
    ...needs,
    mounts: [{ kind: "bind", source, target: "/x", readOnly: true }],
  });
  const hashOf = (source: string, ...files: ReturnType<typeof file>[]) =>
    harden("web", mounting(source), files).configHash;

  test("changes with the content or name of a mounted file, and with nothing else", () => {
    const hash = hashOf("config/web", file("config/web/a", "1"), file("config/other/a", "1"));
    expect(hash).toMatch(/^[0-9a-f]{12}$/);
    expect(hashOf("config/web", file("config/web/a", "1"))).toBe(hash);
    expect(hashOf("config/web", file("config/web/a", "2"))).not.toBe(hash);
    expect(hashOf("config/web", file("config/web/b", "1"))).not.toBe(hash);
    expect(hashOf("config/web", file("config/web/a", "1"), file("config/web/b", ""))).not.toBe(hash);
    expect(hashOf("config/web/a", file("config/web/a", "1"))).toBe(hash);
  });

  test("does not depend on the order of files, and is absent where nothing is mounted", () => {
    const [a, b] = [file("config/web/a", "1"), file("config/web/b", "2")];
    expect(hashOf("config/web", a, b)).toBe(hashOf("config/web", b, a));
    expect(hashOf("config/web", file("config/website/a", "1"))).toBeUndefined();
    expect(harden("web", needs, [a]).configHash).toBeUndefined();
  });
});
