import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { runBackup } from "../../src/operations/backup/run.ts";
import { planRestore } from "../../src/operations/restore/plan.ts";
import { runRestore } from "../../src/operations/restore/run.ts";
import { keptVolumes } from "../../src/operations/restore/swap.ts";
import { undoRestore } from "../../src/operations/restore/undo.ts";
import { runStart } from "../../src/operations/start.ts";
import type { Mount } from "../../src/stack/service.ts";
import { removeOneOffs } from "../support/backup-jobs.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { type SmallStack, smallService, smallStack } from "../support/scenario.ts";
import { toolboxImage } from "../support/volume-content.ts";

const volumes = ["data-1", "data-2", "conf-1", "conf-2", "conf-3"];
const on = (volume: string, target: string, readOnly = false): Mount => ({ kind: "volume", volume, target, readOnly });
const stays = "trap 'exit 0' TERM; while :; do sleep 1 & wait; done";
const initialized = { service: "init", condition: "service_completed_successfully" as const };

/**
 * Two nodes and a watcher, each with a configuration that a set-up step fills where it is empty. A node whose
 * configuration says that the other one is primary takes over what that one holds.
 */
async function cluster(): Promise<SmallStack> {
  const node = (number: number, other: number) =>
    smallService(`node-${number}`, {
      mounts: [
        on(`data-${number}`, "/data"),
        on(`conf-${number}`, "/conf"),
        // In place of a network between them.
        on(`data-${other}`, "/other", true),
      ],
      command: ["sh", "-c", `[ "$(cat /conf/primary)" = node-${number} ] || cp /other/value /data/value; ${stays}`],
      dependsOn: [initialized, ...(number === 1 ? [] : [{ service: "node-1", condition: "service_healthy" as const }])],
    });
  const init = smallService("init", {
    class: "one-shot",
    mounts: [1, 2, 3].map((number) => on(`conf-${number}`, `/conf/${number}`)),
    command: ["sh", "-c", "for conf in /conf/*; do [ -e $conf/primary ] || echo node-1 >$conf/primary; done"],
  });
  const watcher = smallService("watcher", { mounts: [on("conf-3", "/conf")], dependsOn: [initialized] });
  const follows = [
    { service: "node-1", volume: "conf-1" },
    { service: "node-2", volume: "data-2" },
    { service: "node-2", volume: "conf-2" },
    { service: "watcher", volume: "conf-3" },
  ];
  const source = { name: "nodes", component: "nodes", service: "node-1", volume: "data-1", follows };
  const stack = await smallStack([init, node(1, 2), node(2, 1), watcher, smallService("bystander")], {
    volumes: volumes.map((name) => ({ name, component: "nodes", about: "Data." })),
    dataSources: [{ ...source, kind: "volume", consistency: { kind: "live" } }],
  });
  onTestFinished(() => removeOneOffs(stack.context));
  await stack.compose("up", "--no-start");
  inVolumes(stack, "echo saved >data-1/value; chmod 700 *; chown -R 1000:1000 .");
  await runStart(stack.context);
  return stack;
}

/** Runs a script in a folder with all volumes. */
function inVolumes({ model }: SmallStack, script: string): string[] {
  const mounts = volumes.flatMap((name) => ["--mount", `type=volume,source=${model.name}_${name},target=/v/${name}`]);
  const argv = ["run", "--rm", "--network", "none", ...mounts, "--workdir", "/v", smallImage, "sh", "-euc", script];
  return execFileSync("docker", argv, { encoding: "utf8" }).trim().split("\n");
}

/** What each volume says, with owner and mode of its folder. */
const said = (stack: SmallStack) =>
  inVolumes(
    stack,
    `for name in ${volumes.join(" ")}; do echo "$name: $(cat $name/*) $(stat -c '%u:%g %a' $name)"; done`,
  );
const everywhere = (data1: string, data2: string, primary: string) => [
  `data-1: ${data1} 1000:1000 700`,
  `data-2: ${data2} 1000:1000 700`,
  ...[1, 2, 3].map((number) => `conf-${number}: ${primary} 1000:1000 700`),
];

/** Since when each service runs. */
async function starts({ context, model }: SmallStack): Promise<Record<string, number>> {
  const { containers } = await context.engine.observe(model.name);
  return Object.fromEntries(containers.map(({ service, startedAt = 0 }) => [service, startedAt]));
}

await describeWithDocker("a restore with followers", [smallImage, toolboxImage], () => {
  test("what is restored wins on all nodes, whoever was primary; undo brings all of it back", async () => {
    const stack = await cluster();
    const { context, model } = stack;
    const version = "0.0.0";
    expect(said(stack)).toEqual(everywhere("saved", "saved", "node-1"));
    expect((await runBackup(context, { only: ["nodes"], version })).sources).toMatchObject([{ outcome: "ok" }]);
    // Since then the other node has become primary, and got data that nobody else has.
    const failover = "for conf in conf-*; do echo node-2 >$conf/primary; done";
    inVolumes(stack, `${failover}; echo live-1 >data-1/value; echo live-2 >data-2/value; chown 1000:1000 data-*/value`);
    const changed = everywhere("live-1", "live-2", "node-2");
    expect(said(stack)).toEqual(changed);

    // Beside it: nothing is emptied, nothing stops.
    const before = await starts(stack);
    await runRestore(context, { only: ["nodes"], into: "copy", version });
    onTestFinished(() => void execFileSync("docker", ["volume", "rm", `${model.name}_copy`]));
    expect([said(stack), await starts(stack), await keptVolumes(context)]).toEqual([changed, before, []]);

    // Somebody is on a volume that is to be emptied: nothing has changed, nothing is left, all runs again.
    const guest = `guest-${randomBytes(4).toString("hex")}`;
    const mount = `type=volume,source=${model.name}_conf-3,target=/conf`;
    execFileSync("docker", ["run", "-d", "--rm", "--name", guest, "--mount", mount, smallImage, "sleep", "300"]);
    try {
      await expect(runRestore(context, { version })).rejects.toMatchObject({ code: "volume-in-use" });
    } finally {
      execFileSync("docker", ["rm", "-f", guest]);
    }
    expect(await keptVolumes(context)).toEqual([]);
    expect((await stack.states()).filter((state) => /running/.test(state))).toHaveLength(4);
    expect(
      (await planRestore(context, { version })).plan.steps.map(({ action, resource }) => `${action} ${resource}`),
    ).toEqual([
      "load nodes",
      "stop node-1, node-2, watcher",
      "swap nodes",
      "empty conf-1",
      "empty data-2",
      "empty conf-2",
      "empty conf-3",
      "start node-1, node-2, watcher",
    ]);

    const bystander = (await starts(stack)).bystander;
    const { restored } = await runRestore(context, { version });
    expect(restored).toMatchObject([{ source: "nodes" }]);
    expect(said(stack)).toEqual(everywhere("saved", "saved", "node-1"));
    expect((await starts(stack)).bystander).toBe(bystander);
    expect((await keptVolumes(context)).map(({ volume }) => volume).sort()).toEqual([...volumes].sort());

    const undone = await undoRestore(context, { version });
    expect(undone.volumes).toHaveLength(volumes.length);
    // Node 2 is primary again, with what nobody else had; node 1 follows it.
    expect(said(stack)).toEqual(everywhere("live-2", "live-2", "node-2"));
    expect((await stack.states()).filter((state) => /running healthy/.test(state))).toHaveLength(4);
  });
});
