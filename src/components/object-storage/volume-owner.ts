import type { ServiceNeeds } from "../component.ts";

const megabyte = 1024 ** 2;

/** Image in which volumes are looked after whose server's own image has no shell or no such folder. */
export const toolsImage = "busybox:1.38.0";

/** A fresh volume belongs to root where the image does not hold its folder. `volumes`: each with where it is mounted meanwhile. */
export function volumeOwnerService(
  key: string,
  service: string,
  user: string,
  volumes: readonly (readonly [volume: string, target: string])[],
): ServiceNeeds {
  return {
    name: service,
    about: `Hands the ${volumes.length > 1 ? "volumes" : "volume"} of ${key} over to its user, then ends`,
    group: "data",
    class: "one-shot",
    image: toolsImage,
    user: "0:0",
    command: ["chown", user, ...volumes.map(([, target]) => target)],
    mounts: volumes.map(([volume, target]) => ({ kind: "volume" as const, volume, target, readOnly: false })),
    tmpfs: [],
    networks: [],
    limits: { cpus: 0.25, memory: 32 * megabyte, pids: 16 },
    exceptions: [
      { rule: "non-root", reason: "only root may hand over files" },
      { rule: "drop-capabilities", reason: "hands a fresh volume over, without a network", capabilities: ["CHOWN"] },
    ],
  };
}
