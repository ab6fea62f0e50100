import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";

/** The running container of a source's service. A source that does not run is an error, not an empty backup. */
export async function liveService({ engine, model }: Context, service: string): Promise<string> {
  const { containers } = await engine.observe(model.name);
  const found = containers.find((container) => container.service === service && !container.oneOff);
  if (found?.state === "running") return found.id;
  throw new StackError({
    code: "source-not-running",
    exit: "backupFailed",
    message: `${service} ${found === undefined ? "is not started" : `is ${found.state}`}, and only a running server can be asked for its data`,
    hint: "./prod.sh start",
  });
}
