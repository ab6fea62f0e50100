import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderPlan } from "../../src/operations/plan.ts";
import { runStart } from "../../src/operations/start.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { smallService, smallStack } from "../support/scenario.ts";

const usual = () => [
  smallService("init", { class: "one-shot", command: ["true"] }),
  smallService("db", { dependsOn: [{ service: "init", condition: "service_completed_successfully" }] }),
  smallService("web", { dependsOn: [{ service: "db", condition: "service_healthy" }], replicas: 2 }),
  smallService("web-migrate", { class: "job", command: ["false"] }),
];

await describeWithDocker("start", [smallImage], () => {
  test("from nothing: everything in order, healthy, and no job", async () => {
    const stack = await smallStack(usual());
    const { plan, changed } = await runStart(stack.context);
    expect(renderPlan(plan)).toEqual([
      "run init: it has no container",
      "create db: it has no container",
      "create web: it has no container",
    ]);
    expect(changed).toBe(true);
    expect(await stack.states()).toEqual([
      "db running healthy",
      "init exited 0",
      "web running healthy",
      "web running healthy",
    ]);
    expect(stack.progress.all).toContain("db done: healthy");
    expect(stack.progress.all).toContain("init done: done");
    expect(stack.progress.all.indexOf("db done: healthy")).toBeLessThan(
      stack.progress.all.indexOf("web done: healthy"),
    );
    expect(readdirSync(join(stack.directory, ".stack")).sort()).toEqual(["journal", "model.json"]);
  });

  test("twice changes nothing and runs nothing", async () => {
    const stack = await smallStack([...usual(), smallService("worker", { envFiles: ["worker.env"] })]);
    writeFileSync(join(stack.directory, "worker.env"), "PASSWORD=a$b'c\"d #e\nPLAIN=1\n");
    await runStart(stack.context);
    const before = await stack.context.engine.observe(stack.model.name);
    const calls: string[] = [];
    const watched = {
      ...stack.context,
      compose: {
        run: (args: readonly string[], options = {}) => {
          calls.push(args.find((word) => !word.startsWith("-")) ?? "");
          return stack.context.compose.run(args, options);
        },
      },
    };
    const { plan, changed } = await runStart(watched);
    expect(renderPlan(plan)).toEqual(["start: nothing to do"]);
    expect(changed).toBe(false);
    expect([...new Set(calls)].sort()).toEqual(["config", "version"]);
    const withoutChecks = (found: typeof before) => found.containers.map(({ healthLog: _, ...rest }) => rest);
    expect(withoutChecks(await stack.context.engine.observe(stack.model.name))).toEqual(withoutChecks(before));
  });

  test("a dry run says what it would do and does nothing", async () => {
    const stack = await smallStack(usual());
    const { plan } = await runStart(stack.context, { dryRun: true });
    expect(plan.steps).toHaveLength(3);
    expect(await stack.states()).toEqual([]);
    expect(readdirSync(join(stack.directory, ".stack"))).toEqual(["model.json"]);
  });

  test("only what changed is made anew, and what is left over goes", async () => {
    const stack = await smallStack([...usual(), smallService("old")]);
    await runStart(stack.context);
    const before = await stack.ids();
    stack.model.services = stack.model.services.filter(({ name }) => name !== "old");
    const web = stack.model.services.find(({ name }) => name === "web");
    if (web) web.environment = { COLOUR: "green" };
    stack.write();
    const { plan } = await runStart(stack.context);
    expect(renderPlan(plan)).toEqual([
      expect.stringMatching(/^remove old: it is no longer a service of scenario-/),
      "run init: set-up steps run again with every start",
      "recreate web: its configuration changed",
    ]);
    const after = await stack.ids();
    expect(after.db).toBe(before.db);
    expect(after.web).not.toBe(before.web);
    expect(after).not.toHaveProperty("old");
  });

  test("a named service comes up with what it needs, and nothing else", async () => {
    const stack = await smallStack([...usual(), smallService("other")]);
    await runStart(stack.context, { services: ["db"] });
    expect(await stack.states()).toEqual(["db running healthy", "init exited 0"]);
    await expect(runStart(stack.context, { services: ["dbb"] })).rejects.toMatchObject({
      code: "unknown-service",
      exit: "invalidInput",
      hint: 'did you mean "db"?',
    });
  });

  test("a service that compose.override.yaml adds is waited for too", async () => {
    const stack = await smallStack(usual());
    const extra = {
      services: { extra: { image: smallImage, command: ["sleep", "1000"], init: true, networks: ["apps"] } },
    };
    writeFileSync(join(stack.directory, "compose.override.yaml"), JSON.stringify(extra));
    const env = join(stack.directory, ".env");
    writeFileSync(env, readFileSync(env, "utf8").replace(/^(COMPOSE_FILE=.*)$/m, "$1:compose.override.yaml"));
    await runStart(stack.context);
    expect(await stack.states()).toContain("extra running");
    expect((await runStart(stack.context)).changed).toBe(false);
  });
});
