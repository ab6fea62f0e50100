import { parseDuration, parseSize } from "../support/units.ts";
import { isMap, listOf, mapOf, type Raw, textOf } from "./compose-file.ts";
import { shellWords } from "./words.ts";

export interface ReadPort {
  host?: string;
  published?: number;
  target: number;
  protocol: "tcp" | "udp";
}

export interface ReadMount {
  /** `anonymous` is a volume without a name. */
  kind: "volume" | "anonymous" | "bind" | "tmpfs" | "other";
  /** Name of a volume, or path of the host. */
  source?: string;
  target: string;
  readOnly: boolean;
}

export interface ReadHealth {
  /** With `CMD` or `CMD-SHELL` in front. */
  test: string[];
  /** Milliseconds, as the next two. */
  interval?: number;
  timeout?: number;
  startPeriod?: number;
  retries?: number;
}

export interface ReadBuild {
  context: string;
  dockerfile?: string;
  target?: string;
  args: Record<string, string>;
}

/** A service of a Compose file, its keys told apart; what is not known here is in `other`. */
export interface ReadService {
  name: string;
  image?: string;
  build?: ReadBuild;
  command?: string[];
  entrypoint?: string[];
  /** Null: the value comes from the caller's environment. */
  environment: Record<string, string | null>;
  envFiles: { path: string; required: boolean }[];
  ports: ReadPort[];
  expose: number[];
  mounts: ReadMount[];
  dependsOn: { service: string; condition: string }[];
  networks: { name: string; aliases: string[] }[];
  networkMode?: string;
  links: { service: string; alias: string }[];
  health?: ReadHealth | "disabled";
  labels: Record<string, string>;
  limits: { cpus?: number; memory?: number; pids?: number };
  replicas?: number;
  user?: string;
  workingDir?: string;
  restart?: string;
  /** Milliseconds. */
  stopGrace?: number;
  shm?: number;
  containerName?: string;
  hostname?: string;
  secrets: { source: string; target?: string }[];
  configs: { source: string; target?: string }[];
  privileged: boolean;
  capAdd: string[];
  /** Every capability is dropped and new privileges are forbidden already. */
  confined: boolean;
  /** Its root file system cannot be written to already. */
  readOnlyRoot: boolean;
  /** Services whose mounts it has too. */
  volumesFrom: { service: string; readOnly: boolean }[];
  /** `pid`, `ipc` and the like that are shared with the host or another container. */
  shared: string[];
  securityOptions: string[];
  logging: boolean;
  /** Every other key as it stands. */
  other: Raw;
}

/** Keys that are read here, or have no meaning in a stack. */
const known = new Set(
  "image build command entrypoint environment env_file ports expose volumes depends_on networks network_mode links healthcheck labels deploy mem_limit cpus pids_limit scale user working_dir restart stop_grace_period shm_size container_name hostname secrets configs privileged cap_add cap_drop pid ipc uts userns_mode cgroup security_opt logging tmpfs profiles extends init read_only stdin_open tty pull_policy attach develop mem_reservation mem_swappiness memswap_limit cpu_shares cpu_quota cpu_period external_links annotations volumes_from".split(
    " ",
  ),
);

/** Reads the long form that loading leaves. */
export function readService(name: string, raw: Raw): ReadService {
  const deploy = mapOf(raw.deploy);
  const limits = mapOf(mapOf(deploy.resources).limits);
  const reservations = mapOf(mapOf(deploy.resources).reservations);
  const health = healthOf(raw.healthcheck);
  return {
    name,
    ...text("image", raw.image),
    ...(isMap(raw.build) && { build: buildOf(raw.build) }),
    ...words("command", raw.command),
    ...words("entrypoint", raw.entrypoint),
    environment: Object.fromEntries(
      Object.entries(mapOf(raw.environment)).map(([key, value]) => [
        key,
        value === null ? null : (textOf(value) ?? ""),
      ]),
    ),
    envFiles: listOf(raw.env_file).map((file) => ({
      path: textOf(mapOf(file).path) ?? "",
      required: mapOf(file).required !== false,
    })),
    ports: listOf(raw.ports).flatMap(portsOf),
    expose: listOf(raw.expose).flatMap((port) => numberIn(String(port).split("/")[0]?.split("-")[0]) ?? []),
    mounts: [
      ...listOf(raw.volumes).flatMap((mount) => (isMap(mount) ? [mountOf(mount)] : [])),
      ...listOf(raw.tmpfs).map(tmpfsOf),
    ],
    dependsOn: Object.entries(mapOf(raw.depends_on)).map(([service, body]) => ({
      service,
      condition: textOf(mapOf(body).condition) ?? "service_started",
    })),
    networks: Object.entries(mapOf(raw.networks)).map(([network, body]) => ({
      name: network,
      aliases: listOf(mapOf(body).aliases).map(String),
    })),
    ...text("networkMode", raw.network_mode),
    links: listOf(raw.links).map((link) => {
      const [service = "", alias = service] = String(link).split(":");
      return { service, alias };
    }),
    ...(health && { health }),
    labels: Object.fromEntries(
      [...Object.entries(mapOf(deploy.labels)), ...Object.entries(mapOf(raw.labels))].map(([key, value]) => [
        key,
        textOf(value) ?? "",
      ]),
    ),
    limits: {
      ...number("cpus", limits.cpus ?? raw.cpus),
      ...size("memory", limits.memory ?? raw.mem_limit),
      ...number("pids", limits.pids ?? raw.pids_limit),
    },
    ...number("replicas", deploy.replicas ?? raw.scale),
    ...text("user", raw.user),
    ...text("workingDir", raw.working_dir),
    ...text("restart", raw.restart ?? restartPolicy(deploy)),
    ...duration("stopGrace", raw.stop_grace_period),
    ...size("shm", raw.shm_size),
    ...text("containerName", raw.container_name),
    ...text("hostname", raw.hostname),
    secrets: listOf(raw.secrets).map(reference),
    configs: listOf(raw.configs).map(reference),
    privileged: raw.privileged === true || raw.privileged === "true",
    capAdd: listOf(raw.cap_add).map(String),
    confined:
      listOf(raw.cap_drop).some((name) => String(name).toUpperCase() === "ALL") &&
      listOf(raw.security_opt).some((option) => /^no-new-privileges([:=]true)?$/.test(String(option))),
    readOnlyRoot: raw.read_only === true || raw.read_only === "true",
    volumesFrom: listOf(raw.volumes_from).flatMap((entry) => {
      const [service = "", mode] = String(entry).split(":");
      return service === "container" ? [] : [{ service, readOnly: mode === "ro" }];
    }),
    shared: [
      ...["pid", "ipc", "uts", "userns_mode", "cgroup"].filter(
        (key) => raw[key] !== undefined && raw[key] !== "private" && raw[key] !== "",
      ),
      ...listOf(raw.volumes_from)
        .map(String)
        .filter((entry) => entry.startsWith("container:")),
    ],
    securityOptions: listOf(raw.security_opt)
      .map(String)
      .filter((option) => !option.startsWith("no-new-privileges")),
    logging: raw.logging !== undefined,
    other: {
      ...Object.fromEntries(Object.entries(raw).filter(([key]) => !known.has(key) && !key.startsWith("x-"))),
      ...(reservations.devices !== undefined && {
        deploy: { resources: { reservations: { devices: reservations.devices } } },
      }),
    },
  };
}

type Part<Key extends string, Value> = { [Each in Key]?: Value };

function text<Key extends string>(key: Key, value: unknown): Part<Key, string> {
  const read = textOf(value);
  return read === undefined ? {} : ({ [key]: read } as Part<Key, string>);
}

function words<Key extends string>(key: Key, value: unknown): Part<Key, string[]> {
  if (value === undefined || value === null) return {};
  const list = Array.isArray(value) ? value.map((word) => textOf(word) ?? "") : shellWords(textOf(value) ?? "");
  return list.length === 0 ? {} : ({ [key]: list } as Part<Key, string[]>);
}

function number<Key extends string>(key: Key, value: unknown): Part<Key, number> {
  const read = numberIn(value);
  return read === undefined || read <= 0 ? {} : ({ [key]: read } as Part<Key, number>);
}

function size<Key extends string>(key: Key, value: unknown): Part<Key, number> {
  const read = typeof value === "number" ? value : (parseSize(textOf(value) ?? "") ?? numberIn(value));
  return read === undefined || read <= 0 ? {} : ({ [key]: read } as Part<Key, number>);
}

function duration<Key extends string>(key: Key, value: unknown): Part<Key, number> {
  const read = parseDuration(textOf(value) ?? "");
  return read === undefined ? {} : ({ [key]: read } as Part<Key, number>);
}

function numberIn(value: unknown): number | undefined {
  const written = textOf(value)?.trim();
  if (written === undefined || written === "") return undefined;
  const read = Number(written);
  return Number.isFinite(read) ? read : undefined;
}

function restartPolicy(deploy: Raw): string | undefined {
  const condition = textOf(mapOf(deploy.restart_policy).condition);
  return condition === "none" ? "no" : condition;
}

function buildOf(build: Raw): ReadBuild {
  return {
    context: textOf(build.context) ?? ".",
    ...text("dockerfile", build.dockerfile),
    ...text("target", build.target),
    args: Object.fromEntries(Object.entries(mapOf(build.args)).map(([key, value]) => [key, textOf(value) ?? ""])),
  };
}

function reference(entry: unknown): { source: string; target?: string } {
  const map = mapOf(entry);
  return { source: textOf(map.source) ?? "", ...text("target", map.target) };
}

function mountOf(mount: Raw): ReadMount {
  const source = textOf(mount.source);
  const rest = { target: textOf(mount.target) ?? "", readOnly: mount.read_only === true };
  if (mount.type === "bind") return { kind: "bind", source: source ?? "", ...rest };
  if (mount.type === "tmpfs") return { kind: "tmpfs", ...rest };
  if (mount.type !== undefined && mount.type !== "volume") return { kind: "other", ...rest };
  return source === undefined ? { kind: "anonymous", ...rest } : { kind: "volume", source, ...rest };
}

function tmpfsOf(entry: unknown): ReadMount {
  return { kind: "tmpfs", target: String(entry).split(":")[0] ?? "", readOnly: false };
}

/** `8080:80`, `127.0.0.1:8080:80/udp`, `[::1]:80:80`, ranges, and the long form. */
function portsOf(entry: unknown): ReadPort[] {
  if (isMap(entry)) {
    const target = numberIn(entry.target);
    const published = numberIn(String(entry.published ?? "").split("-")[0]);
    if (target === undefined) return [];
    return [
      {
        ...text("host", entry.host_ip),
        ...(published !== undefined && { published }),
        target,
        protocol: entry.protocol === "udp" ? "udp" : "tcp",
      },
    ];
  }
  const written = textOf(entry) ?? "";
  const match = /^(?:(\[[^\]]+\]|[\d.]+|[\w.-]+):)??(?:(\d*)(?:-(\d+))?:)?(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(written);
  if (match === null) return [];
  const [, host, from, , target, targetTo, protocol] = match;
  const first = Number(target);
  const count = targetTo === undefined ? 1 : Math.min(1_000, Math.max(1, Number(targetTo) - first + 1));
  return Array.from({ length: count }, (_, index) => ({
    ...(host !== undefined && { host: host.replace(/^\[|\]$/g, "") }),
    ...(from !== undefined && from !== "" && { published: Number(from) + index }),
    target: first + index,
    protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
  }));
}

function healthOf(value: unknown): ReadHealth | "disabled" | undefined {
  if (!isMap(value)) return undefined;
  const written = value.test;
  if (value.disable === true || (Array.isArray(written) && written[0] === "NONE") || written === "NONE")
    return "disabled";
  if (written === undefined || written === null) return undefined;
  const test = Array.isArray(written)
    ? written.map((word) => textOf(word) ?? "")
    : ["CMD-SHELL", textOf(written) ?? ""];
  if (test.length < 2) return undefined;
  return {
    test,
    ...duration("interval", value.interval),
    ...duration("timeout", value.timeout),
    ...duration("startPeriod", value.start_period),
    ...number("retries", value.retries),
  };
}
