import { parseImage } from "../../src/stack/fields.ts";
import type { Service } from "../../src/stack/service.ts";
import { parseDuration, parseSize } from "../../src/support/units.ts";
import { componentsInTests } from "./component-in-tests.ts";
import { type InspectedStack, isExcused, isMadeFolder, isReadFolder, type ReadService } from "./inspected-stack.ts";

/** One thing that must hold for every generated stack. */
export interface StackRule {
  /** What holds, in a sentence. */
  name: string;
  /** Where the rule comes from: CIS Docker Benchmark, OWASP Docker cheat sheet, KICS, or our own. */
  source: string;
  /** Each place where it does not hold, in words. Empty: it holds. */
  broken(stack: InspectedStack): string[];
}

type Judge = (service: ReadService, name: string, stack: InspectedStack, model: Service) => boolean;

/** A rule that each service keeps or breaks by itself. A service that stands in one of model and files alone breaks it. */
function perService(source: string, name: string, holds: Judge): StackRule {
  return {
    name,
    source,
    broken(stack) {
      const models = new Map(stack.model.services.map((service) => [service.name, service]));
      const names = new Set([...models.keys(), ...Object.keys(stack.services)]);
      return [...names].filter((service) => {
        const read = stack.services[service];
        const model = models.get(service);
        return read === undefined || model === undefined || !holds(read, service, stack, model);
      });
    },
  };
}

function sameText(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return JSON.stringify(a ?? []) === JSON.stringify(b);
}

function absent(...keys: string[]): Judge {
  return (service) => keys.every((key) => service[key] === undefined);
}

function published(port: string): { host: string; number: number; protocol: string } | undefined {
  const match = /^([\d.]+|\[[\da-f:]+\]|[\da-f]*:[\da-f:]*):(\d+):\d+(\/udp)?$/.exec(port);
  if (match === null) return undefined;
  return { host: match[1] ?? "", number: Number(match[2]), protocol: match[3] === undefined ? "tcp" : "udp" };
}

/** Capabilities that a set-up step may need for a moment; never one that reaches the host. */
const harmlessCapabilities = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"];

/** True where an exception with a reason names the path of the host. */
function isNamedPath(stack: InspectedStack, name: string, { exceptions }: Service, path: string): boolean {
  return isExcused(stack, name, "host-paths") && exceptions.some((exception) => exception.paths?.includes(path));
}

/** True where an exception with a reason names the key of Compose. */
function isNamedKey(stack: InspectedStack, name: string, { exceptions }: Service, key: string): boolean {
  return isExcused(stack, name, "kept-keys") && exceptions.some((exception) => exception.keys?.includes(key));
}

const engineSocket = /docker\.sock|containerd\.sock|DOCKER_HOST/;

/** A proxy between the engine and one reader: it lets through reading alone, and stands in one network without a way out. */
function isFilter(service: ReadService, stack: InspectedStack): boolean {
  const command = service.command ?? [];
  const allowed = command.filter((word) => word.startsWith("-allow") && !word.startsWith("-allowfrom="));
  const networks = service.networks ?? [];
  return (
    /^wollomatic\/socket-proxy:/.test(service.image) &&
    allowed.length > 0 &&
    allowed.every(
      (word) =>
        ["-allowhealthcheck", "-allowHEAD=/_ping"].includes(word) ||
        (word.startsWith("-allowGET=/") && !/[*+]/.test(word)),
    ) &&
    networks.length === 1 &&
    networks.every((network) => stack.networks[network]?.internal === true) &&
    !JSON.stringify([service.environment, service.command, service.entrypoint]).match(engineSocket)
  );
}

/** Images that are gone, unmaintained or known under another name now. */
const deadImages = /(^|\/)(minio\/minio|bitnami\/|grafana\/grafana-oss|grafana\/promtail)|gcr\.io\/cadvisor/;

/** Programs that a health check may call, by image: what is known to be inside. Apps are not known before they are pulled. */
const healthPrograms: [image: RegExp, programs: RegExp][] = [
  [/^postgres$/, /^pg_isready$/],
  [/^redis$/, /^redis-cli\b/],
  [/^valkey\/valkey$/, /^valkey-cli\b/],
  [/^pgsty\/silo$/, /^mc$/],
  [/^traefik$/, /^traefik$/],
  [/^wollomatic\/socket-proxy$/, /^\/healthcheck$/],
  [/^grafana\/alloy$/, /^bash$/],
  [/(^|\/)(elasticsearch|kibana|logstash)$/, /^curl\b/],
  [/(^|\/)(elasticsearch-exporter|postgres-exporter|redis_exporter|node-exporter|blackbox-exporter)$/, /^wget$/],
  [/^prom\/(prometheus|alertmanager)$/, /^wget$/],
  [/^grafana\/grafana$/, /^curl$/],
  [/^ghcr\.io\/google\/cadvisor$/, /^wget$/],
  ...[...componentsInTests.values()].flatMap((component) => component.healthPrograms ?? []),
];

const secretLike = /PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY/;
const loginInUrl = /:\/\/[^/\s:@]*:[^/\s@]+@/;

function holdsSecret([name, value]: [string, string]): boolean {
  const isSwitch = value === "true" || value === "false";
  return (secretLike.test(name) && !name.endsWith("_FILE") && !isSwitch) || loginInUrl.test(value);
}

function knowsHealthProgram(service: ReadService, group: string): boolean {
  if (service.healthcheck === undefined || group === "apps") return true;
  const image = parseImage(service.image)?.name ?? service.image;
  const [kind, program = ""] = service.healthcheck.test;
  const allowed = healthPrograms.find(([pattern]) => pattern.test(image))?.[1];
  return (kind === "CMD" || kind === "CMD-SHELL") && allowed?.test(program) === true;
}

function postgresMountFits(service: ReadService, model: Service): boolean {
  const image = parseImage(service.image);
  if (image?.name !== "postgres" || model.class !== "long-running") return true;
  const major = Number.parseInt(image.tag ?? "", 10);
  const wanted = major >= 18 ? "/var/lib/postgresql" : "/var/lib/postgresql/data";
  return service.volumes?.some((mount) => mount.type === "volume" && mount.target === wanted) === true;
}

function limitsOf(service: ReadService): { cpus: number; memory: number; pids: number } {
  const limits = service.deploy?.resources?.limits;
  return {
    cpus: Number(limits?.cpus),
    memory: parseSize(limits?.memory ?? "") ?? Number.NaN,
    pids: limits?.pids ?? Number.NaN,
  };
}

/** Long-running services are guarded against what one-shots and jobs, which end by themselves, are not. */
function ifLongRunning(judge: Judge): Judge {
  return (service, name, stack, model) => model.class !== "long-running" || judge(service, name, stack, model);
}

/** CIS Docker Benchmark 1.6.1, container runtime; OWASP's Docker cheat sheet; the queries of KICS; and our own. */
export const hardeningRules: StackRule[] = [
  perService("CIS 4.1, OWASP 2", "runs as a numeric user that is not root", (service, name, stack, model) => {
    if (isExcused(stack, name, "non-root")) return true;
    return /^[1-9]\d*(:\d+)?$/.test(service.user ?? "") && service.user === model.user;
  }),
  perService(
    "CIS 4.6, 5.27, KICS healthcheck_not_set",
    "has a health check",
    ifLongRunning(
      (service, name, stack) =>
        isExcused(stack, name, "healthcheck") ||
        (service.healthcheck !== undefined &&
          service.healthcheck.disable !== true &&
          service.healthcheck.test[0] !== "NONE" &&
          service.healthcheck.test.length > 1),
    ),
  ),
  perService(
    "CIS 5.2, 5.3, 5.22, 5.26, OWASP 4 and 6, KICS no_new_privileges_not_set, seccomp_disabled",
    "has no-new-privileges and no other security option",
    (service) => sameText(service.security_opt, ["no-new-privileges:true"]),
  ),
  perService("CIS 5.4, OWASP 3, KICS container_capabilities_unrestricted", "drops all capabilities", (service) =>
    sameText(service.cap_drop, ["ALL"]),
  ),
  perService("CIS 5.4", "gets back only the capabilities that its exception names", (service, name, stack, model) => {
    const allowed = isExcused(stack, name, "drop-capabilities")
      ? model.exceptions.flatMap((exception) => exception.capabilities ?? [])
      : [];
    return (
      sameText(service.cap_add, allowed) && allowed.every((capability) => harmlessCapabilities.includes(capability))
    );
  }),
  perService("CIS 5.5, KICS privileged_containers_enabled", "is not privileged", absent("privileged")),
  perService(
    "CIS 5.6, KICS volume_has_sensitive_host_directory",
    "mounts of the host only files of the stack's own directory, or what an exception names, and makes none",
    (service, name, stack, model) =>
      (service.volumes ?? [])
        .filter((mount) => mount.type !== "volume")
        .every(
          (mount) =>
            mount.type === "bind" &&
            (/^\.\/(config|routes)(\/|$)/.test(mount.source) ||
              isMadeFolder(stack, mount.source) ||
              isReadFolder(stack, mount) ||
              isNamedPath(stack, name, model, mount.source)) &&
            !mount.source.includes("..") &&
            mount.bind?.create_host_path === false,
        ),
  ),
  perService(
    "CIS 5.7",
    "offers no remote shell",
    (service) =>
      !/ssh/i.test([service.image, ...(service.command ?? []), ...(service.entrypoint ?? [])].join(" ")) &&
      !(service.ports ?? []).some((port) => port.endsWith(":22")),
  ),
  perService(
    "CIS 5.8, 5.9, KICS privileged_ports_mapped_in_container",
    "publishes no port that is neither the proxy's nor asked for in stack.yaml",
    (service, name, stack, model) =>
      (service.ports ?? []).every((text) => {
        const port = published(text);
        if (port === undefined) return false;
        return model.group === "edge" || stack.askedPorts.includes(`${name} ${port.number}/${port.protocol}`);
      }),
  ),
  {
    source: "CIS 5.8",
    name: "publishes below 1024 only 80 and 443 of the proxy, or what stack.yaml asks for",
    broken: (stack) =>
      Object.entries(stack.services).flatMap(([name, service]) =>
        (service.ports ?? []).filter((text) => {
          const port = published(text);
          if (port === undefined) return true;
          const asked = stack.askedPorts.includes(`${name} ${port.number}/${port.protocol}`);
          return port.number < 1024 && port.number !== 80 && port.number !== 443 && !asked;
        }),
      ),
  },
  perService(
    "CIS 5.14, OWASP 5a, KICS container_traffic_not_bound_to_host_interface, dclint",
    "says on which address each port listens, in the short form that scanners read",
    (service) => (service.ports ?? []).every((port) => typeof port === "string" && published(port) !== undefined),
  ),
  perService(
    "CIS 5.10, 5.30, OWASP 5, KICS networks_not_set",
    "stands in named networks, or in none",
    (service, _name, _stack, model) =>
      sameText(service.networks, model.networks) &&
      (model.networks.length > 0
        ? service.network_mode === undefined && !model.networks.includes("default")
        : service.network_mode === "none"),
  ),
  perService(
    "CIS 5.11, 5.12, 5.29, OWASP 7, KICS memory_not_limited, cpus_not_limited, pids_limit_not_set",
    "has limits for memory, CPUs and processes",
    (service, _name, _stack, model) => {
      const { cpus, memory, pids } = limitsOf(service);
      return (
        [cpus, memory, pids].every((limit) => Number.isFinite(limit) && limit > 0) &&
        cpus === model.limits.cpus &&
        memory === model.limits.memory &&
        pids === model.limits.pids
      );
    },
  ),
  perService(
    "CIS 5.13, OWASP 8",
    "has a read-only root file system",
    (service, name, stack) => isExcused(stack, name, "read-only-root") || service.read_only === true,
  ),
  perService(
    "CIS 5.15 (unless-stopped instead of on-failure:5, so that a server comes back after a reboot), KICS restart_policy",
    "is restarted where it is to run on, and only there",
    (service, _name, _stack, model) => service.restart === (model.class === "long-running" ? "unless-stopped" : "no"),
  ),
  perService(
    "CIS 5.16, 5.17, 5.21, 5.31, KICS host_namespace_is_shared, shared_host_ipc/network/user_namespace",
    "shares no namespace with the host or another container",
    absent("pid", "ipc", "uts", "userns_mode", "cgroup", "links", "external_links", "volumes_from"),
  ),
  perService(
    "CIS 5.18, 5.24, 5.25, KICS cgroup_not_default",
    "touches no device and no control group, but for what an exception names key by key",
    (service, name, stack, model) =>
      ["cgroup_parent", "build"].every((key) => service[key] === undefined) &&
      ["devices", "device_cgroup_rules", "gpus", "runtime", "sysctls", "extra_hosts"].every(
        (key) => service[key] === undefined || isNamedKey(stack, name, model, key),
      ),
  ),
  perService(
    "CIS 5.19",
    "has a limit for open files",
    ifLongRunning(
      (service, _name, _stack, model) =>
        (service.ulimits?.nofile?.soft ?? 0) > 0 &&
        (service.ulimits?.nofile?.hard ?? Number.POSITIVE_INFINITY) <= 1_048_576 &&
        service.ulimits?.nofile?.hard === model.nofile,
    ),
  ),
  perService("CIS 5.20", "shares no mount back to the host", (service) =>
    (service.volumes ?? []).every((mount) => mount.bind?.propagation === undefined),
  ),
  perService("CIS 5.28", "runs an image that names its version", (service, _name, _stack, model) => {
    const image = parseImage(service.image);
    const named = image?.digest !== undefined || (image?.tag !== undefined && image.tag !== "latest");
    return named && service.image === model.image;
  }),
  perService(
    "CIS 5.32, OWASP 1, KICS docker_socket_mounted_in_container",
    "cannot reach the Docker engine, but for a proxy that lets others read what it was told to",
    (service, _name, stack) => {
      const text = JSON.stringify([service.volumes, service.environment, service.command, service.entrypoint]);
      return !engineSocket.test(text) || isFilter(service, stack);
    },
  ),
  perService("OWASP 8", "cannot change its configuration", (service, _, stack) =>
    (service.volumes ?? []).every(
      (mount) => mount.type === "volume" || mount.read_only === true || isMadeFolder(stack, mount.source),
    ),
  ),
  perService("OWASP 12, own", "has no secret in its environment", (service) =>
    Object.entries(service.environment ?? {}).every((entry) => !holdsSecret(entry)),
  ),
  perService("KICS shared_volumes, dclint", "mounts in the long form", (service) =>
    (service.volumes ?? []).every((mount) => typeof mount === "object"),
  ),
  perService("own", "has its log rotated", (service) => {
    const { driver, options } = service.logging ?? {};
    const files = Number(options?.["max-file"]);
    const size = parseSize(options?.["max-size"] ?? "") ?? 0;
    return driver === "json-file" && files >= 2 && files <= 10 && size > 0 && size <= 100 * 1024 ** 2;
  }),
  perService(
    "own",
    "has time to stop, a data service at least 30 s",
    ifLongRunning((service, _name, _stack, model) => {
      const time = parseDuration(service.stop_grace_period ?? "");
      return time !== undefined && time === model.stopGracePeriod && (model.group !== "data" || time >= 30_000);
    }),
  ),
  perService("own", "has in memory only what has a size and a mode", (service) =>
    (service.tmpfs ?? []).every((mount) => /^\/[^:]*:(?=.*\bsize=\d+[kmgb])(?=.*\bmode=\d{4}\b)/.test(mount)),
  ),
  perService("own", "checks its health with a program that its image has", (service, _name, _stack, model) =>
    knowsHealthProgram(service, model.group),
  ),
  perService("own", "keeps Postgres' data where its version looks for them", (service, _name, _stack, model) =>
    postgresMountFits(service, model),
  ),
  perService("own", "runs no image that is gone", (service) => !deadImages.test(service.image)),
  perService(
    "own",
    "reaches data over internal networks alone; Alertmanager has a way out to those who are told, for itself",
    (service, name, stack, model) =>
      model.group === "edge" ||
      model.group === "apps" ||
      (service.networks ?? []).every(
        (network) => stack.networks[network]?.internal === true || (name === "alertmanager" && network === "alerts"),
      ),
  ),
  perService(
    "own",
    "is reached by the proxy over the internal network edge, which others join only for a route, or to try the routes",
    (_service, name, stack, model) =>
      model.group === "edge" ||
      (name === "blackbox" && stack.model.routes.length > 0) ||
      model.networks.includes("edge") === stack.model.routes.some((route) => route.service === name),
  ),
  perService("own", "jobs do not start with the stack", (service, _name, _stack, model) =>
    sameText(service.profiles, model.class === "job" ? ["jobs"] : []),
  ),
];
