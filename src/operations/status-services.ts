import type { ObservedContainer } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import type { Service } from "../stack/service.ts";
import { formatAge, formatSize } from "../support/units.ts";
import type { ServiceState, ServiceStatus, StatusProblem } from "./status-report.ts";

/** From best to worst: a service is as well as the worst of its containers. */
const badness: ServiceState[] = [
  "done",
  "gone",
  "healthy",
  "running",
  "starting",
  "created",
  "paused",
  "missing",
  "exited",
  "unhealthy",
  "restarting",
  "failed",
];

const fine: ReadonlySet<ServiceState> = new Set(["healthy", "running", "done", "gone"]);
const groupOrder = ["edge", "apps", "data", "logging", "monitoring"];

/** A container that was restarted this often and has not lived this long since is one that keeps crashing. */
const loopRestarts = 2;
const loopUptime = 30_000;

export interface JudgedServices {
  services: ServiceStatus[];
  problems: StatusProblem[];
}

/** What the containers say about each service of the stack. One-off containers (jobs) are not looked at. */
export function judgeServices(
  model: StackModel,
  containers: readonly ObservedContainer[],
  memoryUse: ReadonlyMap<string, number>,
  now: number,
): JudgedServices {
  const standing = containers.filter((container) => !container.oneOff);
  const wanted = model.services.filter((service) => service.class !== "job");
  const known = new Set(model.services.map((service) => service.name));
  const others = [...new Set(standing.map((container) => container.service))].filter((name) => !known.has(name));
  const judged = [
    ...[...wanted].sort(byGroup).map((service) => judge(service.name, service, standing, memoryUse, now)),
    ...others.map((name) => judge(name, undefined, standing, memoryUse, now)),
  ];
  forgiveTidiedOneShots(judged, model);
  const services = judged.map(({ status }) => status);
  const down = wholeStackDown(services, standing);
  if (down !== undefined) return { services, problems: [down] };
  return { services, problems: judged.flatMap(({ status, mine }) => problemOf(status, mine, now) ?? []) };
}

interface Judged {
  status: ServiceStatus;
  mine: readonly ObservedContainer[];
}

function byGroup(a: Service, b: Service): number {
  return groupOrder.indexOf(a.group) - groupOrder.indexOf(b.group);
}

function judge(
  name: string,
  service: Service | undefined,
  containers: readonly ObservedContainer[],
  memoryUse: ReadonlyMap<string, number>,
  now: number,
): Judged {
  const mine = containers.filter((container) => container.service === name);
  const oneShot = service?.class === "one-shot";
  const states = mine.map((container) => stateOf(container, oneShot, now));
  const state = states.reduce(worse, mine.length === 0 ? "missing" : "done");
  const starts = mine.flatMap((container) => (container.state === "running" ? (container.startedAt ?? []) : []));
  const used = mine.flatMap(({ id }) => memoryUse.get(id) ?? []);
  const ended = mine.find((container) => container.state === "exited" || container.state === "dead");
  const status: ServiceStatus = {
    name,
    known: service !== undefined,
    ...(service && { group: service.group }),
    class: service?.class ?? "long-running",
    state,
    replicas: {
      running: mine.filter((container) => container.state === "running").length,
      wanted: oneShot ? 0 : (service?.replicas ?? Math.max(1, mine.length)),
    },
    ...(starts.length > 0 && { uptime: Math.max(0, Math.floor((now - Math.max(...starts)) / 1_000)) }),
    restarts: sum(mine.map((container) => container.restarts)),
    ...(used.length > 0 && { memory: { used: sum(used), limit: sum(mine.map((container) => container.memoryLimit)) } }),
    image: mine[0]?.image ?? service?.image ?? "",
    ...(ended && { exitCode: ended.exitCode }),
  };
  return { status, mine };
}

function stateOf(container: ObservedContainer, oneShot: boolean, now: number): ServiceState {
  if (container.state === "running") return oneShot ? "starting" : runningState(container, now);
  if (container.state === "exited" || container.state === "dead") {
    if (!oneShot) return "exited";
    return container.exitCode === 0 ? "done" : "failed";
  }
  return container.state === "removing" ? "exited" : container.state;
}

function runningState(container: ObservedContainer, now: number): ServiceState {
  const crashing = container.restarts >= loopRestarts && now - (container.startedAt ?? 0) < loopUptime;
  if (container.health === "healthy") return "healthy";
  return crashing ? "restarting" : (container.health ?? "running");
}

function worse(a: ServiceState, b: ServiceState): ServiceState {
  return badness.indexOf(a) >= badness.indexOf(b) ? a : b;
}

/** `docker container prune` takes ended one-shots away. Those that waited for one came up, so it had ended well. */
function forgiveTidiedOneShots(judged: readonly Judged[], model: StackModel): void {
  for (const { status } of judged) {
    if (status.class !== "one-shot" || status.state !== "missing") continue;
    const waiting = model.services.filter(
      (service) =>
        service.class === "long-running" && service.dependsOn.some((dependency) => dependency.service === status.name),
    );
    const areUp = waiting.every(({ name }) => {
      const found = judged.find((other) => other.status.name === name);
      return found !== undefined && found.status.replicas.running > 0;
    });
    if (waiting.length > 0 && areUp) status.state = "gone";
  }
}

/** One sentence instead of one per service, where nothing runs at all. */
function wholeStackDown(
  services: readonly ServiceStatus[],
  containers: readonly ObservedContainer[],
): StatusProblem | undefined {
  const lasting = services.filter((service) => service.class === "long-running");
  const problem = (message: string): StatusProblem => ({ subject: "stack", message, hint: "./prod.sh start" });
  if (lasting.length > 0 && containers.length === 0) return problem("the stack is not started");
  const stopped = lasting.length > 1 && lasting.every(({ state }) => state === "exited" || state === "missing");
  const crashed = containers.some(({ oomKilled, error }) => oomKilled || error !== "");
  const byRequest = lasting.every(({ exitCode = 0 }) => [0, 130, 137, 143].includes(exitCode));
  return stopped && byRequest && !crashed ? problem("the stack is stopped") : undefined;
}

function problemOf(status: ServiceStatus, mine: readonly ObservedContainer[], now: number): StatusProblem | undefined {
  const problem = (message: string, hint: string): StatusProblem => ({
    subject: status.name,
    message: `${status.name} ${message}`,
    hint,
  });
  const logs = `./prod.sh logs ${status.name} --tail 50`;
  if (!fine.has(status.state)) {
    const [message, hint] = explain(status, mine, now, logs);
    return problem(message, hint);
  }
  const { running, wanted } = status.replicas;
  if (status.class !== "long-running" || running === wanted) return undefined;
  return problem(
    `runs ${running === 1 ? "1 container" : `${running} containers`}, and should run ${wanted}`,
    "./prod.sh start",
  );
}

function explain(
  status: ServiceStatus,
  mine: readonly ObservedContainer[],
  now: number,
  logs: string,
): [message: string, hint: string] {
  const find = (test: (container: ObservedContainer) => boolean) => mine.find(test);
  switch (status.state) {
    case "missing":
      return [status.class === "one-shot" ? "has not run" : "has no container", "./prod.sh start"];
    case "starting":
      return startingWords(status);
    case "unhealthy":
      return [`is unhealthy${lastHealthOutput(find(({ health }) => health === "unhealthy"))}`, logs];
    case "restarting":
      return [`keeps crashing: ${status.restarts} restarts${endOf(find(({ restarts }) => restarts > 0))}`, logs];
    case "paused":
      return ["is paused", `docker unpause ${find(({ state }) => state === "paused")?.name ?? status.name}`];
    case "created":
      return createdWords(find(({ state }) => state === "created"));
    case "failed":
      return [`failed${endOf(find(({ exitCode }) => exitCode !== 0))}`, logs];
    default:
      return exitedWords(
        find(({ state }) => state !== "running"),
        now,
        logs,
      );
  }
}

function startingWords(status: ServiceStatus): [string, string] {
  const age = status.uptime === undefined ? "" : ` for ${formatAge(status.uptime * 1_000)}`;
  const doing = status.class === "one-shot" ? "is at work" : "is starting";
  return [`${doing}${age} and not ready yet`, "./prod.sh status --watch"];
}

function createdWords(container: ObservedContainer | undefined): [string, string] {
  const error = container?.error ?? "";
  return [error === "" ? "was made but not started" : `could not be started: ${error}`, "./prod.sh start"];
}

function exitedWords(container: ObservedContainer | undefined, now: number, logs: string): [string, string] {
  if (container?.error) return [`could not be started: ${container.error}`, "./prod.sh start"];
  const ago = container?.finishedAt === undefined ? "" : `, ${formatAge(now - container.finishedAt)} ago`;
  const clean = container !== undefined && !container.oomKilled && [0, 143].includes(container.exitCode);
  return [`is stopped${endOf(container)}${ago}`, clean ? "./prod.sh start" : logs];
}

/** `: exit code 1`, or that the kernel ended it for memory. */
function endOf(container: ObservedContainer | undefined): string {
  if (container === undefined) return "";
  if (container.oomKilled) {
    const limit = container.memoryLimit > 0 ? ` (its limit is ${formatSize(container.memoryLimit)})` : "";
    return `, killed because it ran out of memory${limit}`;
  }
  return `, exit code ${container.exitCode}`;
}

/** `: ` and the last line that the last health check printed. */
export function lastHealthOutput(container: ObservedContainer | undefined): string {
  const output = container?.healthLog.at(-1)?.output ?? "";
  const line = output
    .split("\n")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .at(-1);
  if (line === undefined) return "";
  return `: ${line.length > 160 ? `${line.slice(0, 159)}…` : line}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
