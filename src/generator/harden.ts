import { createHash } from "node:crypto";
import type { ServiceNeeds } from "../components/component.ts";
import type { ConfigFile } from "../stack/model.ts";
import type { Healthcheck, Mount, Service } from "../stack/service.ts";

const second = 1_000;

const healthcheckDefaults: Omit<Healthcheck, "test"> = {
  interval: 10 * second,
  timeout: 5 * second,
  retries: 3,
  startPeriod: 30 * second,
  startInterval: 2 * second,
};

const defaults = {
  class: "long-running",
  environment: {},
  envFiles: [],
  secrets: [],
  mounts: [],
  tmpfs: [{ target: "/tmp", size: 64 * 1024 ** 2, mode: "1777" }],
  ports: [],
  dependsOn: [],
  replicas: 1,
  stopGracePeriod: 15 * second,
  init: false,
  // Ample for one service, and below the hard limit that rootless engines and small containers-as-servers live under.
  nofile: 16_384,
  exceptions: [],
} satisfies Partial<Service>;

/**
 * The one place where a service gets what every service must have. A component states needs; what it leaves out is
 * filled in with the safe value here, and what it may not have is visible as an exception with its reason.
 * The fixed parts (restart policy, log rotation, cap_drop, no-new-privileges, read-only root) are not even data of the
 * service: the printer writes them for all, unless an exception says otherwise.
 */
export function harden(component: string, needs: ServiceNeeds, files: readonly ConfigFile[]): Service {
  const { healthcheck, limits, ...stated } = needs;
  const configHash = hashOfMounted(needs.mounts ?? [], files);
  return {
    ...defaults,
    ...stated,
    component,
    limits: { pids: 256, ...limits },
    ...(healthcheck && { healthcheck: { ...healthcheckDefaults, ...healthcheck } }),
    ...(configHash !== undefined && { configHash }),
  };
}

/** Hash of the generated files below the paths that a service mounts; undefined where it mounts none. */
function hashOfMounted(mounts: readonly Mount[], files: readonly ConfigFile[]): string | undefined {
  const sources = mounts.flatMap((mount) => (mount.kind === "bind" ? [mount.source] : []));
  const mounted = files.filter((file) =>
    sources.some((source) => file.path === source || file.path.startsWith(`${source}/`)),
  );
  if (mounted.length === 0) return undefined;
  const hash = createHash("sha256");
  for (const file of [...mounted].sort((a, b) => (a.path < b.path ? -1 : 1)))
    hash.update(`${file.path}\0${file.content}\0`);
  return hash.digest("hex").slice(0, 12);
}
