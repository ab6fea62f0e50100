import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { measure } from "./measure.ts";
import type { Line } from "./report.ts";

interface Place {
  program: string;
  root: string;
  scratch: string;
  rounds: number;
}

const bare = { name: "node -e 0", argv: [process.execPath, "-e", "0"] };

/** `--help` against a Node.js that does nothing. */
export function benchHelp({ program, rounds }: Place): Line[] {
  const help = { name: "--help", argv: [process.execPath, program, "--help"] };
  const found = measure([bare, help], 2 * rounds);
  return [line("--help", found.get("--help"), "node -e 0", [found.get(bare.name)], 1.3)];
}

/** Making and remaking the largest preset, against Compose only reading the result. */
export function benchGenerate({ program, root, scratch, rounds }: Place): Line[] {
  const preset = largestPreset(join(root, "stacks"));
  const made = join(scratch, "made");
  const fresh = join(scratch, "fresh");
  const config = { name: "config", argv: ["docker", "compose", "config", "-q"], cwd: made };
  const create = {
    name: "create",
    argv: [process.execPath, program, "create", "--preset", preset, "--dir", fresh, "--yes"],
    before: () => rmSync(fresh, { recursive: true, force: true }),
  };
  measure(
    [
      {
        ...create,
        argv: [process.execPath, program, "create", "--preset", preset, "--dir", made, "--yes"],
        before: () => rmSync(made, { recursive: true, force: true }),
      },
    ],
    1,
  );
  const bundle = join(made, ".stack/create-stack.mjs");
  const generate = { name: "generate", argv: [process.execPath, bundle, "generate"], cwd: made };
  const door = { name: "door", argv: ["./prod.sh", "generate"], cwd: made };
  const found = measure([bare, config, create, generate, door], rounds);
  const allowed = [found.get(bare.name), found.get("config")];
  const against = "node -e 0 + docker compose config -q";
  return [
    line(`generate ${preset}, nothing to change`, found.get("generate"), against, allowed, 1),
    line(`create ${preset}, with secrets`, found.get("create"), against, allowed, 1),
    line("the same through ./prod.sh generate", found.get("door"), against, allowed),
    line("docker compose config -q", found.get("config"), "node -e 0", [found.get(bare.name)]),
  ];
}

/** How the time to make a stack grows with its size: ten times the services at most ten times the time. */
export function benchGrowth({ program, scratch, rounds }: Place): Line[] {
  const sizes = [5, 50, 200];
  const subjects = sizes.map((size) => {
    const folder = join(scratch, `size-${size}`);
    const config = `${folder}.yaml`;
    mkdirSync(scratch, { recursive: true });
    writeFileSync(config, stackOfSize(size));
    return {
      name: String(size),
      argv: [process.execPath, program, "create", "--config", config, "--dir", folder, "--yes"],
      before: () => rmSync(folder, { recursive: true, force: true }),
    };
  });
  const found = measure(subjects, rounds);
  return sizes.slice(1).map((size, index) => {
    const smaller = sizes[index] ?? 1;
    const name = `create, ${size} services`;
    return line(name, found.get(String(size)), `${smaller} services`, [found.get(String(smaller))], size / smaller);
  });
}

/** Apps behind Traefik that share a database and a cache, until there are this many services. */
function stackOfSize(services: number): string {
  // Traefik, Postgres and Redis, and the set-up of the latter two.
  const apps = Array.from(
    { length: Math.max(1, services - 5) },
    (_, index) =>
      `  app${index}: { type: app, image: "you/app:1", port: 3000, routes: [app${index}.example.com], health: /health, uses: [postgres, redis] }`,
  );
  return ["name: grown", "components:", "  traefik: {}", "  postgres: {}", "  redis: {}", ...apps, ""].join("\n");
}

function largestPreset(folder: string): string {
  const size = (preset: string) => readFileSync(join(folder, preset, "stack.yaml"), "utf8").replace(/#.*/g, "").length;
  return readdirSync(folder).sort((a, b) => size(b) - size(a))[0] ?? "web";
}

export function line(
  what: string,
  ours: { median: number; memory?: number } | undefined,
  against: string,
  theirs: readonly ({ median: number } | undefined)[],
  target?: number,
): Line {
  return {
    what,
    ours: ours?.median ?? Number.NaN,
    against,
    theirs: theirs.reduce((sum, each) => sum + (each?.median ?? Number.NaN), 0),
    ...(target !== undefined && { target }),
    ...(ours?.memory !== undefined && { memory: ours.memory }),
  };
}
