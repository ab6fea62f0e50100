import type { StackModel } from "../stack/model.ts";
import type { Service, ServiceGroup } from "../stack/service.ts";
import { formatSize } from "../support/units.ts";
import { code, table } from "./handbook-text.ts";

type Row = [service: string, containers: string, each: string, together: string, cpus: string];

/** Groups whose share people ask for: what it costs to see what the rest does. */
const watching: ServiceGroup[] = ["logging", "monitoring"];

/** Every service with what it may use at most, and what a server for all of them needs. */
export function memoryTable({ services }: Pick<StackModel, "services">): string {
  const running = services.filter((service) => service.class === "long-running");
  const seers = running.filter(({ group }) => watching.includes(group));
  const sum = memoryOf(running);
  const rows: Row[] = [
    ...running.map(rowOf),
    ...(seers.length === 0 || seers.length === running.length
      ? []
      : [totalRow("of which metrics and logs", memoryOf(seers), seers)]),
    totalRow("**all services**", sum, running, "**"),
    ["system, Docker, file cache", "", "", formatSize(hostShare(sum)), ""],
    ["**a server for it has at least**", "", "", `**${formatSize(sum + hostShare(sum))}**`, ""],
  ];
  return table(["Service", "Containers", "Each at most", "Together", "CPUs at most"], rows);
}

/** What runs for a short time and then gives its memory back. */
export function passingTable({ services }: Pick<StackModel, "services">): string {
  return table(
    ["Service", "Kind", "At most"],
    services
      .filter((service) => service.class !== "long-running")
      .map((service) => [
        code(service.name),
        service.class === "job" ? "job" : "set-up step",
        formatSize(service.limits.memory),
      ]),
  );
}

function rowOf(service: Service): Row {
  const { name, replicas, limits } = service;
  return [
    code(name),
    String(replicas),
    formatSize(limits.memory),
    formatSize(limits.memory * replicas),
    number(limits.cpus * replicas),
  ];
}

function totalRow(name: string, memory: number, services: readonly Service[], mark = ""): Row {
  const cpus = services.reduce((total, { limits, replicas }) => total + limits.cpus * replicas, 0);
  return [name, "", "", `${mark}${formatSize(memory)}${mark}`, number(cpus)];
}

function memoryOf(services: readonly Service[]): number {
  return services.reduce((total, { limits, replicas }) => total + limits.memory * replicas, 0);
}

/** What the machine needs besides the containers: the system, the engine, the page cache that databases live on. */
function hostShare(bytes: number): number {
  return Math.max(1024 ** 3, Math.round((bytes * 0.2) / 1024 ** 2) * 1024 ** 2);
}

/** Halves and hundredths add up without a tail such as 1.2000000000000002. */
function number(value: number): string {
  return String(Math.round(value * 100) / 100);
}
