import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { ContainerSpec } from "../../engine/engine.ts";
import type { Task } from "../../stack/data-source.ts";
import type { StackModel } from "../../stack/model.ts";
import type { Service } from "../../stack/service.ts";
import { StackError } from "../../support/errors.ts";
import { describeProcess } from "../../support/process-identity.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import { redactorFor } from "../secret-values.ts";

/** Label of every container and volume that an operation makes beside Compose; its value is the stack's name. */
export const stackLabel = "create-stack.stack";
/** What it is for: `backup`, `restore`, `drill`. */
export const purposeLabel = "create-stack.purpose";
/** The process that made it, as JSON: when that has died, nobody needs it any more. */
export const processLabel = "create-stack.process";

/** Labels of what this process makes for a stack beside Compose. */
export function ownLabels({ name }: Pick<StackModel, "name">, purpose: string): Record<string, string> {
  return { [stackLabel]: name, [purposeLabel]: purpose, [processLabel]: JSON.stringify(describeProcess()) };
}

/** The image that the source's service runs right now, else the one that it would run. By id, so that it is the same one. */
export async function imageOfService(
  { engine, model }: Context,
  service: string,
): Promise<{ reference: string; id: string; digests: string[] }> {
  const reference = model.services.find(({ name }) => name === service)?.image ?? "";
  const { containers } = await engine.observe(model.name);
  const running = containers.find((container) => container.service === service && !container.oneOff);
  const image = await engine.image(running?.imageId ?? reference);
  if (image === undefined)
    throw new StackError({
      code: "image-missing",
      exit: "unhealthy",
      message: `The image of ${service} (${reference}) is not on this server`,
      hint: `docker pull ${reference}`,
    });
  return { reference, id: image.id, digests: image.digests };
}

/** The stack's toolbox image, pulled where it is missing. */
export async function toolbox({ engine, model, progress, signal }: Context): Promise<string> {
  const { toolbox: reference } = model.backup;
  if ((await engine.image(reference)) === undefined) {
    progress.line(`Pulling ${reference}, whose tar and zstd write the archives`);
    await engine.pull(reference, signal);
  }
  return reference;
}

export type RunSpec = Omit<ContainerSpec, "name" | "labels" | "command"> & {
  /** What it is for, in its name and label: `backup-uploads`. */
  purpose: string;
  command: string[];
};

export interface RunEnd {
  exitCode: number;
  oomKilled: boolean;
  /** The last lines that it printed, secrets redacted; control output only, never the bytes of a backup. */
  output: string[];
}

/**
 * A container of its own, started, for as long as `body` takes; then it is removed, whatever happened. Aborting kills it,
 * and rejects with the reason.
 */
export async function withContainer<Result>(
  { engine, model, signal }: Context,
  { purpose, ...spec }: RunSpec,
  body: (id: string) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const name = `${model.name}-${purpose}-${randomBytes(4).toString("hex")}`;
  const id = await engine.create({ ...spec, name, labels: ownLabels(model, purpose) });
  const kill = () => void engine.kill(id, "SIGKILL").catch(() => {});
  signal.addEventListener("abort", kill, { once: true });
  try {
    await engine.start(id);
    // Before it was started there was nothing to kill.
    if (signal.aborted) kill();
    return await body(id);
  } catch (error) {
    // What is killed makes every call fail in its own way; why it was killed is what counts.
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", kill);
    await engine.remove(id, { unnamedVolumes: true });
  }
}

/** Runs a container of its own to its end. Aborting stops it. How it ended is in the result. */
export async function runContainer(context: Context, spec: RunSpec): Promise<RunEnd> {
  const { engine, model, directory, signal } = context;
  return await withContainer(context, spec, async (id) => {
    const { exitCode, oomKilled } = await engine.waitForExit(id);
    signal.throwIfAborted();
    const redact = redactorFor(directory, model);
    return { exitCode, oomKilled, output: (await engine.logTail(id, 200)).map(redact) };
  });
}

/** As `runContainer`, and throws where it did not end with 0. `what` begins the message: `The archive of uploads`. */
export async function runToEnd(context: Context, what: string, spec: RunSpec): Promise<string[]> {
  const { exitCode, oomKilled, output } = await runContainer(context, spec);
  if (exitCode === 0) return output;
  throw new StackError({
    code: "backup-task-failed",
    exit: "backupFailed",
    message: `${what} failed: ${oomKilled ? "out of memory" : `exit code ${exitCode}`}`,
    details: output.slice(-15),
    hint: "./prod.sh status",
  });
}

/** A task of a data source as a container of the source's image; `volumes` and `binds` come on top of its own mounts. */
export function taskSpec(
  { directory, model }: Context,
  task: Task,
  image: string,
  more: Pick<ContainerSpec, "binds" | "volumes">,
): Omit<RunSpec, "purpose"> {
  const mounts = task.mounts ?? [];
  return {
    image,
    user: task.user,
    // Past the image's entry point: the task is all that is to run.
    entrypoint: task.command.slice(0, 1),
    command: task.command.slice(1),
    environment: task.environment ?? {},
    binds: [
      ...secretBinds(directory, task.secrets ?? []),
      ...mounts.flatMap((mount) =>
        mount.kind === "bind" ? [{ ...mount, source: join(directory, mount.source) }] : [],
      ),
      ...(more.binds ?? []),
    ],
    volumes: [
      ...mounts.flatMap((mount) =>
        mount.kind === "volume" ? [{ ...mount, volume: engineName(model, mount.volume) }] : [],
      ),
      ...(more.volumes ?? []),
    ],
    networks: (task.networks ?? []).map((network) => engineName(model, network)),
    tmpfs: [{ target: "/tmp", options: "size=64m,mode=1777" }],
  };
}

function secretBinds(directory: string, secrets: readonly string[]) {
  return secrets.map((name) => ({
    source: join(directory, "secrets", name),
    target: `/run/secrets/${name}`,
    readOnly: true,
  }));
}

export interface ThrowAway {
  /** Which volumes of the model are replaced by which of the engine. Others are left out: nothing live is mounted. */
  volumes: Record<string, string>;
  /** More mounts: an archive to read from. */
  binds?: ContainerSpec["binds"];
  /** Instead of the service's own. */
  command?: string[];
  entrypoint?: string[];
  image: string;
  purpose: string;
}

/**
 * The container of a service as Compose would make it, on other volumes and without any network: what a restored copy is
 * looked at in. Folders of the live stack that it would write to are left out.
 */
export function throwAwaySpec({ directory }: Context, service: Service, change: ThrowAway): RunSpec {
  const volumes = service.mounts.flatMap((mount) => {
    const volume = mount.kind === "volume" ? change.volumes[mount.volume] : undefined;
    return mount.kind === "volume" && volume !== undefined ? [{ volume, target: mount.target, readOnly: false }] : [];
  });
  const emptied = service.mounts.filter(
    (mount) => mount.kind === "volume" && change.volumes[mount.volume] === undefined,
  );
  return {
    purpose: change.purpose,
    image: change.image,
    ...(service.user !== undefined && { user: service.user }),
    ...((change.entrypoint ?? service.entrypoint) && { entrypoint: change.entrypoint ?? service.entrypoint ?? [] }),
    command: change.command ?? service.command ?? [],
    environment: service.environment,
    binds: [
      ...secretBinds(directory, service.secrets),
      ...service.mounts.flatMap((mount) =>
        mount.kind === "bind" && mount.readOnly ? [{ ...mount, source: join(directory, mount.source) }] : [],
      ),
      ...(change.binds ?? []),
    ],
    volumes,
    tmpfs: [
      ...service.tmpfs.map(({ target, size, mode, uid, gid }) => ({
        target,
        options: [
          `size=${size}`,
          `mode=${mode}`,
          ...(uid === undefined ? [] : [`uid=${uid}`]),
          ...(gid === undefined ? [] : [`gid=${gid}`]),
        ].join(","),
      })),
      ...emptied.map(({ target }) => ({ target, options: `size=16m,mode=1777${ownerOptions(service.user)}` })),
    ],
    capabilities: service.exceptions.flatMap(({ capabilities }) => capabilities ?? []),
    readOnlyRoot: !service.exceptions.some(({ rule }) => rule === "read-only-root"),
    memory: service.limits.memory,
    ...(service.shmSize !== undefined && { shmSize: service.shmSize }),
    stopTimeout: Math.ceil(service.stopGracePeriod / 1_000),
  };
}

function ownerOptions(user: string | undefined): string {
  const [uid, gid] = (user ?? "").split(":");
  return uid && gid ? `,uid=${uid},gid=${gid}` : "";
}
