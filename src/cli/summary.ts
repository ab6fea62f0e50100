import { totalmem } from "node:os";
import { dirname } from "node:path";
import { sharedServersLines } from "../generator/handbook-servers.ts";
import type { StackModel } from "../stack/model.ts";
import type { Service } from "../stack/service.ts";
import { diskSpace } from "../support/disk.ts";
import { formatSize } from "../support/units.ts";

/** What a stack will need and what this machine has. Bytes. */
export interface Needs {
  services: number;
  memory: number;
  hostMemory: number;
  disk: number;
  /** Undefined where the system does not say. */
  freeDisk?: number;
}

const perImage = 400 * 1024 ** 2;
const perVolume = 1024 ** 3;
const logsPerService = 30 * 1024 ** 2;

/** Memory is the sum of all limits. Disk is a first estimate: images, logs at their limit, a gigabyte for each volume. */
export function needsOf(model: StackModel, directory: string): Needs {
  const running = model.services.filter((service) => service.class === "long-running");
  const freeDisk = freeSpace(directory);
  return {
    services: running.length,
    memory: limitsOf(running),
    hostMemory: totalmem(),
    disk:
      new Set(model.services.map((service) => service.image)).size * perImage +
      running.length * logsPerService +
      model.volumes.length * perVolume,
    ...(freeDisk !== undefined && { freeDisk }),
  };
}

/** Sum of the memory limits. Bytes. */
export function limitsOf(services: readonly Pick<Service, "limits" | "replicas">[]): number {
  return services.reduce((sum, { limits, replicas }) => sum + limits.memory * replicas, 0);
}

/** The needs in lines for people, with a warning where this machine is too small. */
export function summaryLines(model: StackModel, needs: Needs): string[] {
  const running = model.services.filter((service) => service.class === "long-running");
  const widest = (text: (service: Service) => string) => Math.max(0, ...running.map((service) => text(service).length));
  const [names, images] = [widest(({ name }) => name), widest(({ image }) => image)];
  const lines = running.map(
    ({ name, image, limits, replicas }) =>
      `  ${name.padEnd(names)} ${image.padEnd(images)} ${formatSize(limits.memory * replicas).padStart(8)}`,
  );
  const fits = (need: number, have: number | undefined) =>
    have !== undefined && need > have ? "  (more than it has)" : "";
  return [
    `Stack ${model.name}${model.environment === undefined ? "" : ` (${model.environment})`}: ${needs.services === 1 ? "1 service" : `${needs.services} services`}`,
    ...lines,
    ...model.routes.map(
      (route) => `  https://${route.host}${route.path === "/" ? "" : route.path} -> ${route.service}`,
    ),
    `Memory at most ${formatSize(needs.memory)}; this machine has ${formatSize(needs.hostMemory)}${fits(needs.memory, needs.hostMemory)}`,
    ...sharedServersLines(model),
    `Disk about ${formatSize(needs.disk)} to begin with${
      needs.freeDisk === undefined ? "" : `; free here ${formatSize(needs.freeDisk)}${fits(needs.disk, needs.freeDisk)}`
    }`,
  ];
}

/** Free space of the disk that a directory is, or will be, on. */
function freeSpace(directory: string): number | undefined {
  for (let path = directory; ; path = dirname(path)) {
    const space = diskSpace(path);
    if (space !== undefined || dirname(path) === path) return space?.free;
  }
}
