import { join } from "node:path";
import type { ContainerSpec } from "../../engine/engine.ts";

/**
 * Mounts files of a stored snapshot at /backup, to be read. One by one: the folders of a store may be entered by the stack's
 * owner alone, and the containers that read them run as their servers' users.
 */
export function partBinds(folder: string, parts: readonly { name: string }[]): NonNullable<ContainerSpec["binds"]> {
  return parts.map(({ name }) => ({ source: join(folder, name), target: `/backup/${name}`, readOnly: true }));
}
