import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCreate } from "../../src/operations/generate.ts";
import { carried, catalogue, presets, presetText } from "../support/catalogue.ts";
import { dockerRequired } from "../support/docker.ts";
import { inspectStack } from "../support/inspected-stack.ts";

const scratch = mkdtempSync(join(tmpdir(), "create-stack-compose-"));

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

/** Text that Compose, YAML and the shell each would like to read in their own way. */
const awkward = `
name: awkward
components:
  web:
    type: app
    image: foo/web:1
    port: 3000
    env:
      DOLLAR: pa$$ \${HOME} $HOME
      YES: "yes"
      OCTAL: "0755"
      TIME: "22:22"
      SHARP: "a # b"
      LINES: "one\\ntwo\\n"
      SPACES: "  x  "
      QUOTES: 'it''s "so"'
      EMPTY: ""
      NUMBER: 1000
      UNICODE: "ünï → 💾"
    command: [sh, -c, 'echo $HOME "$0"']
    health: { exec: [sh, -c, 'test "$((1+1))" = 2'] }
`;

const logs = `
name: logs
components:
  traefik: {}
  web: { type: app, image: foo/web:1, port: 3000, user: "1000:1000", uses: [elk], routes: [app.localhost] }
  loki: { multiline: { web: '^\\d{4}-' } }
  elk: { version: 8, host: kibana.localhost }
`;

const databases = `
name: databases
components:
  web: { type: app, image: foo/web:1, port: 3000, user: "1000:1000", uses: [postgres, mongodb, mongodb/orders], migrate: [npm, run, migrate] }
  postgres: { pooler: { mode: transaction, size: 20 } }
  mongodb: { settings: { notablescan: true } }
  monitoring: {}
`;

const stacks: [name: string, text: string][] = [
  ...presets.map((preset): [string, string] => [preset, presetText(preset)]),
  ["awkward", awkward],
  ["logs", logs],
  ["databases", databases],
];

interface Resolved {
  services: Record<string, ResolvedService>;
}

interface ResolvedService {
  image: string;
  user?: string;
  read_only?: boolean;
  restart?: string;
  cap_drop?: string[];
  security_opt?: string[];
  mem_limit?: string;
  pids_limit?: number;
  environment?: Record<string, string | null>;
  command?: string[] | null;
  healthcheck?: { test: string[] };
  networks?: Record<string, unknown>;
  deploy?: { resources?: { limits?: { cpus?: number | string; memory?: string; pids?: number } } };
}

function compose(folder: string, ...words: string[]): string {
  return execFileSync("docker", ["compose", ...words], {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
}

const hasCompose = spawnSync("docker", ["compose", "version"], { stdio: "ignore" }).status === 0;
if (!hasCompose && dockerRequired) throw new Error("REQUIRE_DOCKER=1, but docker compose cannot be run");
if (!hasCompose) process.stderr.write("skipped: docker compose config (docker compose cannot be run)\n");

describe.skipIf(!hasCompose).each(stacks)("docker compose reads the stack %s", (name, text) => {
  const folder = join(scratch, name);

  test("with every combination of profiles, without a word", async () => {
    await runCreate({ directory: folder, catalogue, carried, today: new Date("2026-03-01T00:00:00Z") }, text);
    const { services } = inspectStack(text);
    const profiles = [...new Set(Object.values(services).flatMap((service) => service.profiles ?? []))];
    const combinations = profiles.reduce<string[][]>(
      (sets, each) => sets.flatMap((set) => [set, [...set, each]]),
      [[]],
    );
    for (const combination of combinations) {
      const flags = combination.flatMap((profile) => ["--profile", profile]);
      const run = spawnSync("docker", ["compose", ...flags, "config", "-q"], { cwd: folder, encoding: "utf8" });
      expect([run.status, run.stdout, run.stderr], combination.join()).toEqual([0, "", ""]);
    }
  });

  test("as the model means it", async () => {
    const { model } = inspectStack(text);
    // What is printed can be read by Compose again, with each $ written twice.
    const printed = compose(folder, "--profile", "*", "config", "--format", "json").replaceAll("$$", "$");
    const resolved = JSON.parse(printed) as Resolved;
    expect(Object.keys(resolved.services).sort()).toEqual(model.services.map((service) => service.name).sort());
    for (const service of model.services) {
      const read = resolved.services[service.name];
      expect(read, service.name).toMatchObject({
        image: service.image,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
        restart: service.class === "long-running" ? "unless-stopped" : "no",
        ...(Object.keys(service.environment).length > 0 && { environment: service.environment }),
        ...(service.command && { command: service.command }),
        ...(service.healthcheck && { healthcheck: { test: service.healthcheck.test } }),
        ...(service.user !== undefined && { user: service.user }),
      });
      const limits = read?.deploy?.resources?.limits;
      expect([Number(limits?.cpus), Number(limits?.memory), limits?.pids]).toEqual([
        service.limits.cpus,
        service.limits.memory,
        service.limits.pids,
      ]);
      expect(Object.keys(read?.networks ?? {}).sort()).toEqual([...service.networks].sort());
      const excused = service.exceptions.some((exception) => exception.rule === "read-only-root");
      expect(read?.read_only ?? false).toBe(!excused);
    }
  });
});
