import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { smallImage } from "../support/docker.ts";
import type { DataStack } from "./data-stack.ts";

/**
 * Volumes of a server in memory, and small: a service `ballast` holds them there, below `/<volume>`, and can take the room.
 * `first`: the service that mounts them before all others. Call it again after `become`.
 */
export function withSmallDisks(
  { directory, model }: DataStack,
  first: string,
  names: readonly string[],
  megabytes: number,
): void {
  const path = join(directory, "compose.override.yaml");
  const override = JSON.parse(readFileSync(path, "utf8")) as { services: Record<string, unknown> };
  const user = "1000:1000";
  const volumes = names.map((source) => ({ type: "volume", source, target: `/${source}` }));
  override.services.ballast = { image: smallImage, user, command: ["sleep", "3600"], network_mode: "none", volumes };
  override.services[first] = { depends_on: { ballast: { condition: "service_started" } } };
  const driver_opts = { type: "tmpfs", device: "tmpfs", o: `size=${megabytes}m,uid=1000,gid=1000` };
  const disks = names.map((volume) => [volume, { name: `${model.name}_${volume}`, driver: "local", driver_opts }]);
  writeFileSync(path, JSON.stringify({ ...override, volumes: Object.fromEntries(disks) }));
}

/** Takes all room of one of them but so many kilobytes; `giveBack` returns it. */
export async function takeRoom(stack: DataStack, volume: string, leave = 0): Promise<void> {
  const room = `$(($(df -k /${volume} | awk 'NR == 2 { print $4 }') - ${leave}))`;
  await stack.sh("ballast", `head -c ${room}k /dev/zero >/${volume}/ballast`);
}

export async function giveBack(stack: DataStack, volume: string): Promise<void> {
  await stack.sh("ballast", `rm /${volume}/ballast`);
}
