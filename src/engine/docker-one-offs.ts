import type Docker from "dockerode";
import type { VolumeInspectInfo } from "dockerode";
import { StackError } from "../support/errors.ts";
import type { ContainerSpec, Engine, EngineVolume } from "./engine.ts";
import { asked, unlessGone } from "./engine-errors.ts";
import { observedContainer } from "./observe.ts";
import { lineJoiner } from "./streams.ts";

/** The part of an Engine that makes, starts and freezes containers of its own. */
export function oneOffsOn(
  docker: Docker,
): Pick<Engine, "create" | "start" | "pause" | "unpause" | "labelled" | "usersOf" | "address" | "pull"> {
  const found = async (filters: Record<string, string[]>) => {
    const listed = await asked(docker.listContainers({ all: true, filters }));
    const inspected = await Promise.all(listed.map(({ Id }) => unlessGone(docker.getContainer(Id).inspect())));
    return inspected.filter((container) => container !== undefined);
  };
  return {
    create: async (spec) => (await asked(docker.createContainer(createOptions(spec)))).id,
    start: async (id) => {
      // 304: it runs already.
      await asked(unlessSame(docker.getContainer(id).start(), 304));
    },
    pause: async (id) => {
      await unlessGone(docker.getContainer(id).pause(), 409);
    },
    unpause: async (id) => {
      await unpauseIfPaused(docker, id);
    },
    labelled: async (label, value) => {
      const containers = await found({ label: [`${label}=${value}`] });
      return containers.map((answer) => ({ ...observedContainer(answer), labels: answer.Config.Labels ?? {} }));
    },
    usersOf: async (volume) => (await found({ volume: [volume] })).map(observedContainer),
    address: async (id, network) => {
      const found = await unlessGone(docker.getContainer(id).inspect());
      return found?.NetworkSettings.Networks[network]?.IPAddress || undefined;
    },
    pull: async (reference, signal) => {
      const stream = await asked(docker.pull(reference, signal === undefined ? {} : { abortSignal: signal }));
      await asked(readProgress(stream, reference), signal);
      // Progress that ends early looks like its end.
      if ((await unlessGone(docker.getImage(reference).inspect())) === undefined)
        throw notPulled(reference, "it is not there afterwards");
    },
  };
}

/** Reads what the engine tells of a pull to its end. The library's own way takes a connection that breaks for the end. */
async function readProgress(stream: NodeJS.ReadableStream, reference: string): Promise<void> {
  let problem: string | undefined;
  const joiner = lineJoiner((line) => {
    if (line.trim() === "") return;
    problem ??= (JSON.parse(line) as { error?: string }).error;
  });
  for await (const bytes of stream) joiner.add({ stream: "stdout", bytes: bytes as Buffer });
  joiner.end();
  if (problem !== undefined) throw notPulled(reference, problem);
}

function notPulled(reference: string, reason: string): StackError {
  return new StackError({
    code: "image-not-pulled",
    exit: "unhealthy",
    message: `The image ${reference} could not be pulled: ${reason}`,
    hint: `docker pull ${reference}`,
  });
}

/** The part of an Engine that knows of volumes one by one. */
export function volumesOn(
  docker: Docker,
): Pick<Engine, "volume" | "createVolume" | "removeVolume" | "labelledVolumes"> {
  return {
    volume: async (name) => {
      const found = await unlessGone(docker.getVolume(name).inspect());
      return found === undefined ? undefined : engineVolume(found);
    },
    createVolume: async (name, labels) => {
      await asked(docker.createVolume({ Name: name, Labels: labels }));
    },
    removeVolume: async (name) => {
      await unlessGone(docker.getVolume(name).remove());
    },
    labelledVolumes: async (label, value) => {
      const { Volumes } = await asked(docker.listVolumes({ filters: { label: [`${label}=${value}`] } }));
      return (Volumes ?? []).map(engineVolume);
    },
  };
}

/** The engine calls it an error of its own (500) where there is nothing to unpause. */
async function unpauseIfPaused(docker: Docker, id: string): Promise<void> {
  const container = docker.getContainer(id);
  if ((await unlessGone(container.inspect()))?.State.Paused) await unlessGone(container.unpause(), 409);
}

async function unlessSame(call: Promise<unknown>, status: number): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error && "statusCode" in error && error.statusCode === status)) throw error;
  }
}

/** The engine answers beyond the client library's types. What it calls the creation is the last change of the folder above the data. */
function engineVolume(answer: VolumeInspectInfo & { CreatedAt?: string }): EngineVolume {
  const { Name, Driver, Mountpoint, Options, Labels, CreatedAt } = answer;
  const changedAt = Date.parse(CreatedAt ?? "") || 0;
  return {
    name: Name,
    driver: Driver,
    mountpoint: Mountpoint,
    options: Options ?? {},
    labels: Labels ?? {},
    changedAt,
  };
}

function createOptions(spec: ContainerSpec): Docker.ContainerCreateOptions {
  const [network, ...more] = spec.networks ?? [];
  return {
    name: spec.name,
    Image: spec.image,
    Cmd: spec.command,
    ...(spec.entrypoint && { Entrypoint: spec.entrypoint }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    ...(spec.stopTimeout !== undefined && { StopTimeout: spec.stopTimeout }),
    Env: Object.entries(spec.environment ?? {}).map(([name, value]) => `${name}=${value}`),
    Labels: spec.labels,
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(
        [network, ...more].flatMap((name) => (name === undefined ? [] : [[name, {}]])),
      ),
    },
    HostConfig: {
      NetworkMode: network ?? "none",
      Mounts: [
        ...(spec.binds ?? []).map(({ source, target, readOnly }) => ({
          Type: "bind" as const,
          Source: source,
          Target: target,
          ReadOnly: readOnly,
        })),
        ...(spec.volumes ?? []).map(({ volume, target, readOnly }) => ({
          Type: "volume" as const,
          Source: volume,
          Target: target,
          ReadOnly: readOnly,
          // A copy of what the image has in that folder is no part of the data.
          VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: "local", Options: {} } },
        })),
      ],
      Tmpfs: Object.fromEntries((spec.tmpfs ?? []).map(({ target, options }) => [target, options])),
      CapDrop: ["ALL"],
      CapAdd: spec.capabilities ?? [],
      SecurityOpt: ["no-new-privileges:true"],
      ReadonlyRootfs: spec.readOnlyRoot ?? true,
      RestartPolicy: { Name: "no" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m" } },
      ...(spec.memory !== undefined && { Memory: spec.memory, MemorySwap: spec.memory }),
      ...(spec.cpus !== undefined && { NanoCpus: Math.round(spec.cpus * 1e9) }),
      ...(spec.shmSize !== undefined && { ShmSize: spec.shmSize }),
    },
  };
}
