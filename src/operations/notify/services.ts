import type { ObservedContainer } from "../../engine/engine.ts";
import type { StackModel } from "../../stack/model.ts";
import type { Service } from "../../stack/service.ts";
import type { ServiceStatus, StatusProblem } from "../status-report.ts";
import { judgeServices } from "../status-services.ts";
import { timeToReady } from "../wait-standing.ts";
import type { Look, Trouble } from "./trouble.ts";

/** A minute that is bad is often one of a restart; three good ones are needed to believe that it is over. */
const service = { holds: 60_000, clears: 180_000 };
/** Whoever stops the stack for a short work on it need not be told. */
const stack = { holds: 600_000, clears: 60_000 };

const keyOfStack = "service/";

/** What the containers say is wrong. Services that are down because one that they wait for is down are told with that one. */
export function lookAtServices(model: StackModel, containers: readonly ObservedContainer[], now: number): Look {
  const { services, problems } = judgeServices(model, containers, new Map(), now);
  const whole = problems.find(({ subject }) => subject === "stack");
  if (whole !== undefined) {
    const known = new Set([keyOfStack]);
    return { troubles: [troubleOfStack(whole)], isOver: (key) => known.has(key) };
  }
  const bad = problems.filter(({ subject }) =>
    isTrouble(
      model,
      services.find(({ name }) => name === subject),
    ),
  );
  const down = new Set(bad.map(({ subject }) => subject));
  const causes = bad.filter(({ subject }) => causeOf(model, subject, down) === undefined);
  const troubles = causes.map((problem) => {
    const followers = [...down].filter((name) => causeOf(model, name, down) === problem.subject).sort();
    return troubleOf(
      model,
      problem,
      services.find(({ name }) => name === problem.subject),
      followers,
    );
  });
  // Of one that follows from another it is not known whether it would be well by itself.
  return { troubles, isOver: (key) => !down.has(key.slice(keyOfStack.length)) };
}

function troubleOfStack({ message, hint }: StatusProblem): Trouble {
  return {
    ...stack,
    key: keyOfStack,
    name: "StackStopped",
    severity: "critical",
    title: message,
    lines: [],
    command: hint,
  };
}

function troubleOf(
  model: StackModel,
  { subject, message, hint }: StatusProblem,
  status: ServiceStatus | undefined,
  followers: readonly string[],
): Trouble {
  const serves = status?.state === "healthy" || status?.state === "running";
  const component = model.services.find(({ name }) => name === subject)?.component;
  return {
    ...service,
    key: `${keyOfStack}${subject}`,
    name: serves ? "ServiceReplicasMissing" : "ServiceDown",
    severity: serves ? "warning" : "critical",
    ...(component !== undefined && { component }),
    service: subject,
    title: message,
    lines: followers.length === 0 ? [] : [`Down with it: ${followers.join(", ")}`],
    command: hint,
  };
}

/** One that is just starting has the time that its own health check gives it. */
function isTrouble(model: StackModel, status: ServiceStatus | undefined): boolean {
  if (status?.state !== "starting") return true;
  const wanted = model.services.find(({ name }) => name === status.name);
  if (wanted === undefined || wanted.class === "job") return true;
  return (status.uptime ?? 0) * 1_000 > timeToReady({ ...wanted, class: wanted.class });
}

/** The service that is down and that this one waits for, over however many others; the farthest one. */
function causeOf(
  model: StackModel,
  name: string,
  down: ReadonlySet<string>,
  seen = new Set([name]),
): string | undefined {
  for (const { service: needed } of dependenciesOf(model, name)) {
    if (seen.has(needed)) continue;
    seen.add(needed);
    const farther = causeOf(model, needed, down, seen);
    if (farther !== undefined) return farther;
    if (down.has(needed)) return needed;
  }
  return undefined;
}

function dependenciesOf({ services }: StackModel, name: string): Service["dependsOn"] {
  return services.find((found) => found.name === name)?.dependsOn ?? [];
}
