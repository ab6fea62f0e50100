import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { TakenPort } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import type { PublishedPort } from "../stack/service.ts";
import { readIfExists } from "../support/files.ts";
import { addressOf } from "../support/socket-address.ts";
import type { Finding } from "./preflight.ts";

/** A socket of this host that takes connections. */
export interface Listener {
  address: string;
  port: number;
  protocol: "tcp" | "udp";
  inode: string;
}

/** That each published port is free, or this stack's own already. Names whoever has it. */
export function checkPorts(
  model: Pick<StackModel, "name" | "services">,
  taken: readonly TakenPort[],
  listeners: readonly Listener[] = readListeners(),
  ownerOf: (inode: string) => string | undefined = processOf,
): Finding[] {
  const wanted = model.services.flatMap(({ name, ports }) => ports.map((port) => ({ service: name, port })));
  const findings = wanted.flatMap(({ service, port }): Finding[] => {
    const holder = holderOf(port, model.name, taken, listeners, ownerOf);
    if (holder === undefined) return [];
    const label = `${port.published}${port.protocol === "udp" ? "/udp" : ""}`;
    const { message, hint } = holder;
    return [
      {
        id: "port-taken",
        level: "fail",
        message: `Port ${label}, which ${service} needs, is taken by ${message}`,
        hint,
      },
    ];
  });
  if (findings.length > 0 || wanted.length === 0) return findings;
  const ports = wanted.map(({ port }) => port.published).join(", ");
  return [{ id: "ports", level: "ok", message: `ports free or this stack's own: ${ports}` }];
}

function holderOf(
  port: PublishedPort,
  project: string,
  taken: readonly TakenPort[],
  listeners: readonly Listener[],
  ownerOf: (inode: string) => string | undefined,
): { message: string; hint: string } | undefined {
  const containers = taken.filter((other) => meets(port, other.host, other.port, other.protocol));
  const foreign = containers.find((container) => container.project !== project);
  if (foreign !== undefined) {
    const of = foreign.project === undefined ? "" : ` of the project ${foreign.project}`;
    const hint = `stop it with \`docker stop ${foreign.container}\`, or publish another port in stack.yaml`;
    return { message: `the container ${foreign.container}${of}`, hint };
  }
  if (containers.length > 0) return undefined;
  const listener = listeners.find((other) => meets(port, other.address, other.port, other.protocol));
  if (listener === undefined) return undefined;
  const owner = ownerOf(listener.inode);
  const find = `\`sudo ss -${port.protocol === "udp" ? "u" : "t"}lnp 'sport = :${port.published}'\``;
  return owner === undefined
    ? {
        message: "a process of another user",
        hint: `see which with ${find}, stop it, or publish another port in stack.yaml`,
      }
    : { message: `the process ${owner}`, hint: "stop it, or publish another port in stack.yaml" };
}

const everywhere = new Set(["0.0.0.0", "::"]);

function meets(port: PublishedPort, address: string, number: number, protocol: "tcp" | "udp"): boolean {
  if (port.published !== number || port.protocol !== protocol) return false;
  if (everywhere.has(port.host)) return everywhere.has(address) || isVersion6(address) === isVersion6(port.host);
  return port.host === address || (everywhere.has(address) && (address === "::" || !isVersion6(port.host)));
}

function isVersion6(address: string): boolean {
  return address.includes(":");
}

const tables = [
  ["/proc/net/tcp", "tcp", "0A"],
  ["/proc/net/tcp6", "tcp", "0A"],
  ["/proc/net/udp", "udp", "07"],
  ["/proc/net/udp6", "udp", "07"],
] as const;

function readListeners(): Listener[] {
  return tables.flatMap(([path, protocol, state]) => listenersIn(readIfExists(path) ?? "", protocol, state));
}

/** The sockets of one table of the kernel that wait for others. */
export function listenersIn(table: string, protocol: "tcp" | "udp", listening: string): Listener[] {
  return table.split("\n").flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const [, local = "", , state] = fields;
    if (state !== listening) return [];
    return [{ ...addressOf(local), protocol, inode: fields[9] ?? "" }];
  });
}

/** `nginx (process 812)`, or undefined where this user may not see it. */
function processOf(inode: string): string | undefined {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const files = readdirSync(`/proc/${pid}/fd`);
      if (!files.some((file) => linkOf(`/proc/${pid}/fd/${file}`) === `socket:[${inode}]`)) continue;
      return `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (process ${pid})`;
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return undefined;
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
