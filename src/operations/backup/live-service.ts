import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";

/**
 * The running container of a source's service, or of the first of its stand-ins that runs. A source that does not run is an
 * error, not an empty backup.
 */
export async function liveService(
  { engine, model }: Context,
  service: string,
  standIns: readonly string[] = [],
): Promise<string> {
  const { containers } = await engine.observe(model.name);
  const containerOf = (name: string) => containers.find((each) => each.service === name && !each.oneOff);
  const running = [service, ...standIns].map(containerOf).find((each) => each?.state === "running");
  if (running !== undefined) return running.id;
  const found = containerOf(service);
  throw new StackError({
    code: "source-not-running",
    exit: "backupFailed",
    message: `${service} ${found === undefined ? "is not started" : `is ${found.state}`}, and only a running server can be asked for its data`,
    hint: "./prod.sh start",
  });
}
