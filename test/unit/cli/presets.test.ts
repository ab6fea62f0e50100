import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { carried } from "../../../src/cli/carried.ts";
import type { Call } from "../../../src/cli/command.ts";
import { run } from "../../../src/cli/commands/presets.ts";
import { modelOf, presets, presetText, root } from "../../support/catalogue.ts";

/** What `create-stack presets` prints. */
async function listed(json: boolean): Promise<{ lines: string[]; data: unknown }> {
  const lines: string[] = [];
  const answer: { data: unknown } = { data: undefined };
  const output = {
    json,
    paint: (_: string, text: string) => text,
    print: (line: string) => lines.push(line),
    printJson: (data: unknown) => {
      answer.data = data;
    },
  };
  await run({ words: [], output, carried } as unknown as Call);
  return { lines, ...answer };
}

test("the list says of each preset what it is, what memory it needs and which services run", async () => {
  const { lines } = await listed(false);
  expect(lines.filter((line) => !line.startsWith(" ")).map((line) => line.split(":")[0])).toEqual(presets);
  const web = lines.findIndex((line) => line.startsWith("web: "));
  expect(lines[web + 1]).toBe("  2 GB of memory at most, 4 services: traefik, app, postgres, redis");
});

test("as JSON with bytes and names", async () => {
  const { data } = await listed(true);
  for (const { name, memory, services } of (data as { presets: { name: string; memory: number; services: string[] }[] })
    .presets) {
    const running = modelOf(presetText(name)).services.filter((service) => service.class === "long-running");
    expect(services).toEqual(running.map((service) => service.name));
    expect(memory).toBe(running.reduce((sum, { limits, replicas }) => sum + limits.memory * replicas, 0));
  }
});

test("the README has a line for each, and for no other", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, table = ""] = /### Presets\n([\s\S]*?)\n###/.exec(readme) ?? [];
  const named = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name = ""]) => name);
  expect(named.sort()).toEqual(presets);
});
