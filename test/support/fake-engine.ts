import { constants } from "node:os";
import type {
  Engine,
  EngineInfo,
  EngineVolume,
  ExecResult,
  ObservedContainer,
  OpenExec,
  PastEvent,
  TakenPort,
} from "../../src/engine/engine.ts";
import { StackError } from "../../src/support/errors.ts";

type Line = { text: string; stream: "stdout" | "stderr"; time: string };
type OnEvent = (event: { service: string; action: string; id: string }) => void;

/** One container of the fake engine. Change it with `change`, so that those who follow it are told. */
export interface FakeContainer extends ObservedContainer {
  project: string;
  output: Line[];
  memory: number;
  /** Seconds of processor time. */
  cpu: number;
  labels?: Record<string, string>;
  /** Names of volumes. */
  mounted?: string[];
  /** Answers an exec; without it every command is "not found" (127). */
  run?: ((command: readonly string[], input: string) => ExecResult) | undefined;
}

/** An engine in memory, for tests of plans and operations. The contract suite holds it to the real one. */
export interface FakeEngine extends Engine {
  /** Adds a container, running and healthy unless said otherwise; returns its id. */
  add(container: Partial<FakeContainer> & { service: string }): string;
  change(id: string, change: Partial<FakeContainer>, action?: string): void;
  print(id: string, text: string, stream?: "stdout" | "stderr", time?: number): void;
  /** Everything that was asked for and changes something: `stop web`, `remove db`. */
  readonly done: string[];
  images: Map<string, { id: string; architecture: string; size: number; digests: string[] }>;
  /** By name. */
  madeVolumes: Map<string, EngineVolume>;
  volumeList: { project: string; name: string; driverName: string; bytes?: number }[];
  portList: TakenPort[];
  about: EngineInfo;
  /** From when on the engine remembers what happened. Milliseconds since 1970. */
  remembersFrom: number;
  /** False: every call rejects as an engine that does not answer. */
  reachable: boolean;
}

const usualInfo: EngineInfo = {
  version: "28.5.0",
  apiVersion: "1.51",
  os: "linux",
  architecture: "amd64",
  cpus: 4,
  memory: 16 * 1024 ** 3,
  dataRoot: "/var/lib/docker",
};

function unreachable(): StackError {
  return new StackError({
    code: "engine-unreachable",
    exit: "engineUnreachable",
    message: "The Docker engine stopped answering",
  });
}

function refused(message: string): StackError {
  return new StackError({ code: "engine-refused", exit: "unhealthy", message });
}

export function fakeEngine(): FakeEngine {
  const containers = new Map<string, FakeContainer>();
  const waiting = new Set<() => void>();
  const listeners = new Set<{ project: string; onEvent: OnEvent }>();
  let lastId = 0;

  const picture = ({
    project: _,
    output: __,
    memory: ___,
    cpu: _______,
    run: ____,
    labels: _____,
    mounted: ______,
    ...seen
  }: FakeContainer): ObservedContainer => seen;
  const get = (id: string): FakeContainer => {
    const found = containers.get(id);
    if (found !== undefined) return found;
    throw refused(`No such container: ${id}`);
  };
  const alive = (container: FakeContainer | undefined) =>
    container !== undefined && ["running", "restarting", "paused"].includes(container.state);
  const past: (PastEvent & { project: string })[] = [];
  const tell = (container: FakeContainer, action: string, signal?: number) => {
    const { project, id, service, oneOff } = container;
    const at = Math.max(Date.now(), (past.at(-1)?.at ?? 0) + 0.001);
    past.push({ project, at, id, service, oneOff, action, ...(signal !== undefined && { signal }) });
    for (const { project, onEvent } of listeners) {
      if (project === container.project) onEvent({ service: container.service, action, id: container.id });
    }
    for (const wake of waiting) wake();
  };
  const end = (container: FakeContainer, exitCode: number) => {
    Object.assign(container, { state: "exited", exitCode, finishedAt: Date.now() });
    delete container.health;
    tell(container, "die");
  };
  const until = async (ready: () => boolean, signal?: AbortSignal): Promise<void> => {
    while (!ready()) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        waiting.add(wake);
        signal?.addEventListener("abort", wake, { once: true });
      });
    }
  };

  const engine: FakeEngine = {
    done: [],
    images: new Map(),
    madeVolumes: new Map(),
    volumeList: [],
    portList: [],
    about: usualInfo,
    remembersFrom: 0,
    reachable: true,

    add(partial) {
      lastId += 1;
      const id = partial.id ?? `fake${lastId}`;
      containers.set(id, { ...usualContainer(id, lastId), ...partial, id });
      tell(get(id), "start");
      return id;
    },
    change(id, change, action = "change") {
      tell(Object.assign(get(id), change), action);
    },
    print(id, text, stream = "stdout", time = Date.now()) {
      get(id).output.push({ text, stream, time: `${new Date(time).toISOString().slice(0, -1)}000000Z` });
      for (const wake of waiting) wake();
    },

    info: async () => engine.about,
    async observe(project) {
      const found = [...containers.values()].filter((container) => container.project === project);
      found.sort((a, b) => (a.service < b.service ? -1 : a.service > b.service ? 1 : a.name < b.name ? -1 : 1));
      return { containers: found.map(picture) };
    },
    takenPorts: async () => engine.portList,
    async inspect(id) {
      const found = containers.get(id);
      return found === undefined ? undefined : picture(found);
    },
    async resourceUse(ids) {
      const running = ids.flatMap((id) => {
        const found = containers.get(id);
        return alive(found) ? [[id, { memory: found?.memory ?? 0, cpu: found?.cpu ?? 0 }] as const] : [];
      });
      return new Map(running);
    },
    image: async (reference) => engine.images.get(reference),
    logTail: async (id, lines) =>
      get(id)
        .output.slice(-lines)
        .map(({ text }) => text),
    async followLogs(id, onLine, signal) {
      for (let next = 0; ; next += 1) {
        await until(() => get(id).output.length > next || !alive(containers.get(id)), signal);
        const line = containers.get(id)?.output[next];
        if (line === undefined) return;
        onLine(line.text, line.stream);
      }
    },
    async *readLogs(id, { since = 0, until: end = Number.POSITIVE_INFINITY, tail = 1e9, follow = false }, signal) {
      const lines = () => containers.get(id)?.output ?? [];
      const wanted = ({ time }: Line) => Date.parse(time) >= since && Date.parse(time) <= end;
      let next = Math.max(0, lines().length - tail);
      while (!signal?.aborted) {
        const more = lines().slice(next);
        next += more.length;
        yield* more.filter(wanted);
        if (!follow || !alive(containers.get(id))) return;
        await until(() => lines().length > next || !alive(containers.get(id)), signal).catch(() => {});
      }
    },
    async waitForExit(id, signal) {
      await until(() => !alive(get(id)), signal);
      return { exitCode: get(id).exitCode, oomKilled: get(id).oomKilled };
    },
    async exec(id, command, options = {}) {
      return get(id).run?.(command, options.input ?? "") ?? { exitCode: 127, stdout: "", stderr: "not found" };
    },
    async openExec(id, command) {
      return fakeExec((input) => get(id).run?.(command, input));
    },
    async create(spec) {
      if ([...containers.values()].some(({ name }) => name === spec.name)) throw refused(`${spec.name} is in use`);
      engine.done.push(`create ${spec.name}`);
      const labels = spec.labels;
      const id = engine.add({ service: spec.name, name: spec.name, image: spec.image, state: "created", project: "" });
      Object.assign(get(id), { labels, mounted: (spec.volumes ?? []).map(({ volume }) => volume) });
      return id;
    },
    async start(id) {
      const found = get(id);
      if (alive(found)) return;
      engine.done.push(`start ${found.service}`);
      Object.assign(found, { state: "running", startedAt: Date.now() });
      tell(found, "start");
    },
    async pause(id) {
      const found = containers.get(id);
      if (found?.state !== "running") return;
      engine.done.push(`pause ${found.service}`);
      Object.assign(found, { state: "paused" });
    },
    async unpause(id) {
      const found = containers.get(id);
      if (found?.state !== "paused") return;
      engine.done.push(`unpause ${found.service}`);
      Object.assign(found, { state: "running" });
    },
    async labelled(label, value) {
      const found = [...containers.values()].filter(({ labels }) => labels?.[label] === value);
      return found.map((container) => ({ ...picture(container), labels: container.labels ?? {} }));
    },
    async usersOf(volume) {
      return [...containers.values()].filter(({ mounted }) => mounted?.includes(volume)).map(picture);
    },
    address: async () => undefined,
    async pull(reference) {
      engine.done.push(`pull ${reference}`);
      engine.images.set(reference, { id: "sha256:0000", architecture: "amd64", size: 1, digests: [] });
    },
    volume: async (name) => engine.madeVolumes.get(name),
    async createVolume(name, labels) {
      engine.madeVolumes.set(name, {
        name,
        driver: "local",
        mountpoint: `/volumes/${name}/_data`,
        options: {},
        labels,
        changedAt: Date.now(),
      });
    },
    async removeVolume(name) {
      if ((await engine.usersOf(name)).length > 0) throw refused(`volume ${name} is in use`);
      engine.madeVolumes.delete(name);
    },
    labelledVolumes: async (label, value) =>
      [...engine.madeVolumes.values()].filter(({ labels }) => labels[label] === value),
    async stop(id) {
      const found = containers.get(id);
      if (found === undefined || !alive(found)) return;
      engine.done.push(`stop ${found.service}`);
      tell(found, "kill", 15);
      end(found, 143);
    },
    async restart(id) {
      const found = containers.get(id);
      if (found === undefined) return;
      engine.done.push(`restart ${found.service}`);
      tell(found, "kill", 15);
      end(found, 143);
      Object.assign(found, { state: "running", startedAt: Date.now(), health: "starting" });
      tell(found, "start");
    },
    async kill(id, signal) {
      const found = containers.get(id);
      if (found === undefined || !alive(found)) return;
      engine.done.push(`kill ${found.service} ${signal}`);
      tell(found, "kill", constants.signals[signal as NodeJS.Signals]);
      if (signal === "SIGKILL") end(found, 137);
    },
    async remove(id) {
      const found = containers.get(id);
      if (found === undefined) return;
      engine.done.push(`remove ${found.service}`);
      containers.delete(id);
      tell(found, "destroy");
    },
    async events(project, onEvent, signal) {
      const listener = { project, onEvent };
      listeners.add(listener);
      await until(() => signal.aborted, signal);
      listeners.delete(listener);
    },
    async pastEvents(project, since) {
      const mine = past.filter((event) => event.project === project && event.at > since);
      return { events: mine.map(({ project: _, ...event }) => event), knownFrom: engine.remembersFrom };
    },
    async volumes(project, options) {
      const found = engine.volumeList.filter((volume) => volume.project === project);
      return found.map(({ name, driverName, bytes }) =>
        options?.sizes && bytes !== undefined ? { name, driverName, bytes } : { name, driverName },
      );
    },
  };
  return rejectingWhenUnreachable(engine);
}

function rejectingWhenUnreachable(engine: FakeEngine): FakeEngine {
  const calls = [
    "info",
    "observe",
    "inspect",
    "resourceUse",
    "pastEvents",
    "image",
    "logTail",
    "exec",
    "stop",
    "restart",
    "kill",
    "remove",
  ] as const;
  for (const name of calls) {
    const call = engine[name] as (...args: unknown[]) => Promise<unknown>;
    const guarded = async (...args: unknown[]) => {
      if (!engine.reachable) throw unreachable();
      return call(...args);
    };
    Object.assign(engine, { [name]: guarded });
  }
  return engine;
}

function usualContainer(id: string, number: number): FakeContainer {
  return {
    id,
    project: "shop",
    name: `shop-${id}-${number}`,
    service: id,
    oneOff: false,
    image: "busybox:1.38.0",
    imageId: "sha256:0000",
    composeHash: "",
    state: "running",
    health: "healthy",
    exitCode: 0,
    oomKilled: false,
    restarts: 0,
    startedAt: 1_000,
    error: "",
    healthLog: [],
    memoryLimit: 0,
    cpuLimit: 0,
    networks: ["apps"],
    addresses: {},
    output: [],
    memory: 1_000_000,
    cpu: 0.5,
  };
}

/** Answers each line that is written with what the container's `run` prints for it. */
function fakeExec(answer: (input: string) => ExecResult | undefined): OpenExec {
  const lines: string[] = [];
  const readers: ((line: string | undefined) => void)[] = [];
  let closed = false;
  return {
    write(text) {
      if (closed) return;
      const printed = answer(text)?.stdout ?? "";
      for (const line of printed.replace(/\n$/, "").split("\n")) {
        const reader = readers.shift();
        if (reader === undefined) lines.push(line);
        else reader(line);
      }
    },
    readLine() {
      const line = lines.shift();
      if (line !== undefined || closed) return Promise.resolve(line);
      return new Promise((resolve) => readers.push(resolve));
    },
    async close() {
      closed = true;
      for (const reader of readers.splice(0)) reader(undefined);
    },
  };
}
