import { parseImage } from "../stack/fields.ts";
import type { HardeningRule, Healthcheck, Mount, Service, Tmpfs } from "../stack/service.ts";
import { sortedBy } from "../support/order.ts";
import { composeSize, formatDuration } from "../support/units.ts";

/** A Compose service as plain data, keys in the order in which they are printed. Absent keys are undefined. */
export type ComposeService = Record<string, unknown>;

/** The part that all services share; printed once per file and merged in by `<<`. */
export const sharedByAll: ComposeService = {
  restart: "unless-stopped",
  logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "3", compress: "true" } },
  cap_drop: ["ALL"],
  read_only: true,
  security_opt: ["no-new-privileges:true"],
};

/** One service for the Compose file; `merge` is the alias of the shared part. */
export function composeService(service: Service, merge: unknown): ComposeService {
  const oneOff = service.class !== "long-running";
  return withKept(service.kept ?? {}, {
    image: composeImage(service),
    depends_on: nonEmpty(
      Object.fromEntries(
        sortedBy(service.dependsOn, (dependency) => dependency.service).map(({ service: name, condition }) => [
          name,
          { condition },
        ]),
      ),
    ),
    volumes: nonEmptyList(service.mounts.map(composeMount)),
    secrets: nonEmptyList([...service.secrets]),
    environment: nonEmpty({ ...escaped(service.environment), ...withTag(service) }),
    env_file: nonEmptyList(service.envFiles.map((path) => ({ path, format: "raw" }))),
    ports: nonEmptyList(
      [...service.ports]
        .sort((a, b) => a.published - b.published)
        .map((port) => `${port.host}:${port.published}:${port.target}${port.protocol === "udp" ? "/udp" : ""}`),
    ),
    ...(service.networks.length > 0 ? { networks: [...service.networks] } : { network_mode: "none" }),
    command: service.command?.map(escapeDollar),
    entrypoint: service.entrypoint?.map(escapeDollar),
    working_dir: service.workingDir,
    restart: oneOff ? "no" : undefined,
    healthcheck: service.healthcheck && composeHealthcheck(service.healthcheck),
    labels: nonEmpty({
      ...(service.configHash !== undefined && { "create-stack.config": service.configHash }),
      // What the engine does not tell of a container by itself: logs are told apart by release with it.
      ...(service.tagVariable !== undefined && { "create-stack.release": `\${${service.tagVariable}}` }),
    }),
    user: service.user,
    "<<": merge,
    cap_add: nonEmptyList(service.exceptions.flatMap((exception) => exception.capabilities ?? [])),
    deploy: composeDeploy(service),
    init: service.init ? true : undefined,
    profiles: service.class === "job" ? ["jobs"] : undefined,
    read_only: isExcused(service, "read-only-root") ? false : undefined,
    shm_size: service.shmSize === undefined ? undefined : composeSize(service.shmSize),
    stop_signal: service.stopSignal,
    stop_grace_period: oneOff ? undefined : formatDuration(service.stopGracePeriod),
    tmpfs: nonEmptyList(service.tmpfs.map(composeTmpfs)),
    ulimits: oneOff ? undefined : { nofile: { soft: service.nofile, hard: service.nofile } },
  });
}

/** What a person keeps of a Compose file of theirs, below what is said here: where both have a map they are one. */
function withKept(kept: Readonly<Record<string, unknown>>, own: ComposeService): ComposeService {
  const merged: ComposeService = { ...own };
  for (const [key, value] of Object.entries(kept)) {
    const mine = own[key];
    if (mine === undefined) merged[key] = escapedDeep(value);
    else if (isMap(mine) && isMap(value)) merged[key] = withKept(value, mine);
  }
  return merged;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function escapedDeep(value: unknown): unknown {
  if (typeof value === "string") return escapeDollar(value);
  if (Array.isArray(value)) return value.map(escapedDeep);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, escapedDeep(item)]));
}

export function isExcused(service: Service, rule: HardeningRule): boolean {
  return service.exceptions.some((exception) => exception.rule === rule);
}

/** `$` begins a variable in Compose files; written twice it is itself. */
export function escapeDollar(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function escaped(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, escapeDollar(value)]));
}

/** Values that follow the image's tag in .env, whoever changes it there. */
function withTag({ releaseVariables = {}, tagVariable }: Service): Record<string, string> {
  if (tagVariable === undefined) return {};
  const values = Object.entries(releaseVariables).map(([name, text]) => [
    name,
    `${escapeDollar(text)}\${${tagVariable}}`,
  ]);
  return Object.fromEntries(values) as Record<string, string>;
}

function composeImage(service: Service): string {
  const image = parseImage(service.image);
  if (service.tagVariable === undefined || image === undefined) return service.image;
  return `${image.name}${image.tag === undefined ? "@" : ":"}\${${service.tagVariable}:?not set in .env}`;
}

/** The value of a service's tag variable in .env: tag, digest, or both. */
export function tagValue(service: Service): string {
  return service.image.slice((parseImage(service.image)?.name.length ?? 0) + 1);
}

function composeMount(mount: Mount): Record<string, unknown> {
  const readOnly = mount.readOnly ? { read_only: true } : {};
  if (mount.kind === "volume") return { type: "volume", source: mount.volume, target: mount.target, ...readOnly };
  return {
    type: "bind",
    source: mount.kind === "host" ? mount.source : `./${mount.source}`,
    target: mount.target,
    ...readOnly,
    bind: { create_host_path: false },
  };
}

function composeTmpfs(tmpfs: Tmpfs): string {
  const options = [
    `size=${composeSize(tmpfs.size)}`,
    `mode=${tmpfs.mode}`,
    ...(tmpfs.uid === undefined ? [] : [`uid=${tmpfs.uid}`]),
    ...(tmpfs.gid === undefined ? [] : [`gid=${tmpfs.gid}`]),
    ...(tmpfs.executable ? ["exec"] : []),
  ];
  return `${tmpfs.target}:${options.join(",")}`;
}

function composeHealthcheck(check: Healthcheck): Record<string, unknown> {
  return {
    test: check.test.map(escapeDollar),
    interval: formatDuration(check.interval),
    timeout: formatDuration(check.timeout),
    retries: check.retries,
    start_period: formatDuration(check.startPeriod),
    start_interval: formatDuration(check.startInterval),
  };
}

function composeDeploy(service: Service): Record<string, unknown> {
  const { cpus, memory, pids } = service.limits;
  const resources = { limits: { cpus: String(cpus), memory: composeSize(memory), pids } };
  return service.replicas === 1 ? { resources } : { replicas: service.replicas, resources };
}

function nonEmpty<Value extends object>(value: Value): Value | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

function nonEmptyList<Item>(items: Item[]): Item[] | undefined {
  return items.length === 0 ? undefined : items;
}
