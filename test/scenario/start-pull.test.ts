import { expect, onTestFinished, test } from "vitest";
import { runStart } from "../../src/operations/start.ts";
import { StackError } from "../../src/support/errors.ts";
import { run } from "../../src/support/process.ts";
import { describeWithDocker, smallImage } from "../support/docker.ts";
import { startRegistry } from "../support/registry.ts";
import { smallService, smallStack } from "../support/scenario.ts";

await describeWithDocker("images that are not there", [smallImage], () => {
  test("are pulled before anything is made, with progress", async () => {
    const { host } = await startRegistry({ hello: "not a program" });
    const image = `${host}/tiny:1`;
    onTestFinished(async () => void (await run(["docker", "rmi", "-f", image])));
    const stack = await smallStack([smallService("web", { image }), smallService("db")]);
    await expect(runStart(stack.context)).rejects.toMatchObject({ code: "service-failed" });
    expect(stack.progress.all.slice(0, 2)).toEqual(["Pulling 1 image", `${image} working: pulling`]);
    expect(stack.progress.all).toContain(`${image} done: pulled`);
    expect(await stack.context.engine.image(image)).toMatchObject({ digests: [expect.stringMatching(/@sha256:/)] });
  });

  test("and cannot be had: each with its own reason, and nothing runs", async () => {
    const { host } = await startRegistry({});
    const stack = await smallStack([
      smallService("a", { image: `${host}/private:1` }),
      smallService("b", { image: `${host}/tiny:2` }),
      smallService("c"),
    ]);
    const error = await runStart(stack.context).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(StackError);
    const { message, problems } = error as StackError;
    expect(message).toBe("2 images cannot be had");
    expect(problems.map(({ message: told, hint }) => [told.split(": ")[0], hint]).sort()).toEqual([
      [
        `${host} does not give ${host}/private:1 without a login (for a)`,
        `\`docker login ${host}\`, then \`./prod.sh start\``,
      ],
      [
        `${host} has no image ${host}/tiny:2, or does not show it without a login (for b)`,
        `check the name and tag in stack.yaml; for a private image: \`docker login ${host}\``,
      ],
    ]);
    expect(await stack.states()).toEqual([]);
  });
});
