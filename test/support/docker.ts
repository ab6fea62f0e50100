import { execFileSync } from "node:child_process";
import { describe, test } from "vitest";
import { connectEngine } from "../../src/engine/connect.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { messageOf } from "../../src/support/errors.ts";

/** The smallest image that tests run: a shell and the usual commands. */
export const smallImage = "busybox:1.38.0";

/** Where it is "1", a test that cannot run fails instead of being skipped. */
export const dockerRequired = process.env.REQUIRE_DOCKER === "1";

export type Availability = { engine: Engine; missing?: undefined } | { engine?: undefined; missing: string };

let availability: Promise<Availability> | undefined;

/** The engine, or why there is none; asked once per test file. */
export function docker(): Promise<Availability> {
  availability ??= connectEngine().then(
    ({ engine }) => ({ engine }),
    (error) => ({ missing: messageOf(error) }),
  );
  return availability;
}

/**
 * A `describe` for tests that need the engine and these images. What is missing skips it with one line, or fails it
 * where `REQUIRE_DOCKER=1`; an image that cannot be had is a skip in both cases, because no flag can make it appear.
 */
export async function describeWithDocker(
  title: string,
  images: readonly string[],
  body: (engine: Engine) => void,
): Promise<void> {
  const { engine, missing } = await docker();
  if (engine === undefined) {
    if (dockerRequired) throw new Error(`REQUIRE_DOCKER=1, but: ${missing}`);
    return skip(title, missing);
  }
  for (const image of images) {
    if (!(await obtain(engine, image))) return skip(title, `image ${image} cannot be had`);
  }
  describe(title, () => body(engine));
}

function skip(title: string, reason: string): void {
  process.stderr.write(`skipped: ${title} (${reason})\n`);
  describe(title, () => {
    test.skip(reason, () => {});
  });
}

async function obtain(engine: Engine, image: string): Promise<boolean> {
  if ((await engine.image(image)) !== undefined) return true;
  try {
    execFileSync("docker", ["pull", "-q", image], { stdio: "ignore", timeout: 120_000 });
    return true;
  } catch {
    return false;
  }
}
