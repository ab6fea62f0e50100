import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { composeIn } from "../../src/engine/compose.ts";
import { connectEngine } from "../../src/engine/connect.ts";
import { composeDocuments } from "../../src/generator/compose-document.ts";
import { envFile } from "../../src/generator/env-file.ts";
import type { Context } from "../../src/operations/context.ts";
import type { Progress } from "../../src/operations/progress.ts";
import type { StackModel } from "../../src/stack/model.ts";
import type { Healthcheck, Service } from "../../src/stack/service.ts";
import { systemClock } from "../../src/support/clock.ts";
import { run } from "../../src/support/process.ts";
import { smallImage } from "./docker.ts";
import { model as stackModel } from "./models.ts";

/** A progress that remembers everything it was told. */
export interface RecordedProgress extends Progress {
  lines: string[];
  /** Everything as text: phases, updates and lines. */
  all: string[];
}

export function recordedProgress(): RecordedProgress {
  const lines: string[] = [];
  const all: string[] = [];
  return {
    lines,
    all,
    phase: (text) => void all.push(text),
    update: (subject, state, text) => void all.push(`${subject} ${state}: ${text}`),
    line(text) {
      lines.push(text);
      all.push(text);
    },
    end() {},
  };
}

/** A stack of small containers in a directory of its own, on the real engine; gone when the test ends. */
export interface SmallStack {
  context: Context;
  directory: string;
  model: StackModel;
  progress: RecordedProgress;
  /** Writes the model's files again after a change of it. */
  write(): void;
  compose(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** `web running healthy`, `init exited 0`: what is there now. */
  states(): Promise<string[]>;
  /** Container ids by service, to tell whether something was made anew. */
  ids(): Promise<Record<string, string>>;
}

/** A check that turns healthy as soon as a file is there. */
export function fileCheck(file: string): Healthcheck {
  return { ...quickCheck, test: ["CMD", "test", "-e", file] };
}

export const quickCheck: Healthcheck = {
  test: ["CMD", "true"],
  interval: 500,
  timeout: 1_000,
  startPeriod: 2_000,
  startInterval: 200,
  retries: 2,
};

/** A service that runs until it is stopped. Everything can be said otherwise. */
export function smallService(name: string, more: Partial<Service> = {}): Service {
  return {
    name,
    component: name,
    about: `The service ${name}.`,
    group: "apps",
    class: "long-running",
    image: smallImage,
    user: "1000:1000",
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"],
    environment: {},
    envFiles: [],
    secrets: [],
    mounts: [],
    tmpfs: [],
    networks: ["apps"],
    ports: [],
    dependsOn: [],
    ...(more.class === "one-shot" ? {} : { healthcheck: quickCheck }),
    limits: { cpus: 0.5, memory: 32 * 1024 ** 2, pids: 32 },
    replicas: 1,
    stopGracePeriod: 2_000,
    init: false,
    nofile: 1_024,
    exceptions: [],
    ...more,
  };
}

export async function smallStack(services: Service[], more: Partial<StackModel> = {}): Promise<SmallStack> {
  const name = `scenario-${randomBytes(4).toString("hex")}`;
  const directory = mkdtempSync(join(tmpdir(), `${name}-`));
  const networks = [{ name: "apps", about: "Apps among themselves.", internal: false }];
  const model = stackModel(services, { name, networks, ...more });
  const { engine } = await connectEngine();
  const progress = recordedProgress();
  const own = composeIn(directory);
  const signal = new AbortController().signal;
  const context: Context = { directory, model, engine, compose: own, clock: systemClock, progress, signal };
  const compose = (...args: string[]) => own.run(args, { timeout: 120_000 });

  const stack: SmallStack = {
    context,
    directory,
    model,
    progress,
    compose,
    write() {
      const documents = composeDocuments(model);
      for (const { path, content } of documents) writeFileSync(join(directory, path), content);
      const paths = documents.map(({ path }) => path);
      writeFileSync(join(directory, ".env"), envFile(model, paths));
      mkdirSync(join(directory, ".stack"), { recursive: true });
      writeFileSync(join(directory, ".stack", "model.json"), JSON.stringify(model));
    },
    async states() {
      const { containers } = await engine.observe(name);
      return containers.map(({ service, state, health, exitCode }) =>
        `${service} ${state} ${state === "exited" ? exitCode : (health ?? "")}`.trim(),
      );
    },
    async ids() {
      const { containers } = await engine.observe(name);
      return Object.fromEntries(containers.map(({ service, id }) => [service, id]));
    },
  };
  stack.write();
  onTestFinished(async ({ task }) => {
    if (task.result?.state === "fail") await leaveEvidence(stack);
    await removeStack(stack);
  });
  return stack;
}

async function leaveEvidence({ compose, progress, model }: SmallStack): Promise<void> {
  const listed = await compose("ps", "-a");
  const logs = await compose("logs", "--no-color", "--tail", "30");
  process.stderr.write(`--- ${model.name}\n${progress.all.join("\n")}\n${listed.stdout}\n${logs.stdout}\n`);
}

/** By label, so that it works whatever the test did to the files. */
async function removeStack({ context, directory, model }: SmallStack): Promise<void> {
  const { containers } = await context.engine.observe(model.name);
  await Promise.all(containers.map(({ id }) => context.engine.remove(id)));
  const label = `label=com.docker.compose.project=${model.name}`;
  for (const kind of ["network", "volume"]) {
    const { stdout } = await run(["docker", kind, "ls", "-q", "--filter", label]);
    const found = stdout.split("\n").filter((id) => id !== "");
    if (found.length > 0) await run(["docker", kind, "rm", ...found]);
  }
  rmSync(directory, { recursive: true, force: true });
}
