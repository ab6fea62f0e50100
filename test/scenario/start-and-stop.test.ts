import { expect, test } from "vitest";
import { runDestroy } from "../../src/operations/destroy.ts";
import { renderPlan } from "../../src/operations/plan.ts";
import { runRestart } from "../../src/operations/restart.ts";
import { runStart } from "../../src/operations/start.ts";
import { runStop } from "../../src/operations/stop.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { smallService, smallStack } from "../support/scenario.ts";

const dataMount = { kind: "volume" as const, volume: "data", target: "/data", readOnly: false };
const volumes = [{ name: "data", component: "db", about: "What is kept." }];

const services = () => [
  smallService("db", { mounts: [dataMount], user: "0:0" }),
  smallService("web", { dependsOn: [{ service: "db", condition: "service_healthy" }] }),
];

async function sh(stack: Awaited<ReturnType<typeof smallStack>>, service: string, line: string): Promise<string> {
  const id = (await stack.ids())[service] ?? "";
  const { stdout, stderr, exitCode } = await stack.context.engine.exec(id, ["sh", "-c", line]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  return stdout.trim();
}

await describeWithDocker("stop, restart and destroy", [smallImage], () => {
  test("stop and start keep the containers and their data; twice changes nothing", async () => {
    const stack = await smallStack(services(), { volumes });
    await runStart(stack.context);
    await sh(stack, "db", "echo kept > /data/note");
    const before = await stack.ids();
    const { plan } = await runStop(stack.context);
    expect(renderPlan(plan)).toEqual(["stop web: the stack is to stop", "stop db: the stack is to stop"]);
    expect(await stack.states()).toEqual(["db exited 0", "web exited 0"]);
    expect((await runStop(stack.context)).changed).toBe(false);
    const again = await runStart(stack.context);
    expect(renderPlan(again.plan)).toEqual(["start db: it is stopped", "start web: it is stopped"]);
    expect(await stack.ids()).toEqual(before);
    expect(await sh(stack, "db", "cat /data/note")).toBe("kept");
  });

  test("stopping one service leaves the others", async () => {
    const stack = await smallStack(services(), { volumes });
    await runStart(stack.context);
    await runStop(stack.context, { services: ["web"] });
    expect(await stack.states()).toEqual(["db running healthy", "web exited 0"]);
    await expect(runStop(stack.context, { services: ["wbe"] })).rejects.toMatchObject({ hint: 'did you mean "web"?' });
  });

  test("restart starts the same containers again, and waits for their health", async () => {
    const stack = await smallStack(services(), { volumes });
    await runStart(stack.context);
    const [ids, db] = [await stack.ids(), await sh(stack, "db", "cat /proc/1/stat | cut -d' ' -f22")];
    await runRestart(stack.context, { services: ["web"] });
    expect(await stack.ids()).toEqual(ids);
    expect(await sh(stack, "db", "cat /proc/1/stat | cut -d' ' -f22")).toBe(db);
    await runRestart(stack.context);
    expect(await stack.ids()).toEqual(ids);
    expect(await sh(stack, "db", "cat /proc/1/stat | cut -d' ' -f22")).not.toBe(db);
    expect(await stack.states()).toEqual(["db running healthy", "web running healthy"]);
  });

  test("destroy wants the name, keeps the data, and takes it only when told", async () => {
    const stack = await smallStack(services(), { volumes });
    const { name } = stack.model;
    await runStart(stack.context);
    await sh(stack, "db", "echo kept > /data/note");
    await expect(runDestroy(stack.context)).rejects.toMatchObject({ code: "not-confirmed", exit: "invalidInput" });
    await expect(runDestroy(stack.context, { ask: async () => "another" })).rejects.toMatchObject({
      message: `Nothing was removed: "another" is not the name of this stack, which is ${name}`,
      hint: `./prod.sh destroy --yes ${name}`,
    });
    expect(await stack.states()).toHaveLength(2);
    const { plan, kept } = await runDestroy(stack.context, { ask: async (_, asked) => asked });
    expect(renderPlan(plan)).toEqual([
      `remove container ${name}-db-1: the stack is to go; it is running`,
      `remove container ${name}-web-1: the stack is to go; it is running`,
      `remove network ${name}_apps: the stack is to go`,
    ]);
    expect(kept).toEqual([`${name}_data`]);
    expect(await stack.states()).toEqual([]);
    await runStart(stack.context);
    expect(await sh(stack, "db", "cat /data/note")).toBe("kept");
    const all = await runDestroy(stack.context, { volumes: true, confirmed: name });
    expect(renderPlan(all.plan).at(-1)).toMatch(
      /^delete volume scenario-\w+_data: its data \(.*B\) goes for good, as asked for$/,
    );
    expect(await stack.context.engine.volumes(name)).toEqual([]);
  });
});
