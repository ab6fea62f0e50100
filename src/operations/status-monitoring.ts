import type { Engine, ObservedContainer } from "../engine/engine.ts";
import type { StackModel } from "../stack/model.ts";
import { within } from "../support/deadline.ts";
import { messageOf } from "../support/errors.ts";
import { formatAge } from "../support/units.ts";
import { readMetricsMemory } from "./metrics/memory.ts";
import { knownToAlertmanager } from "./notify/list-alerts.ts";
import type { MonitoringStatus, ServiceStatus, StatusProblem, TargetDown } from "./status-report.ts";

/** Milliseconds that Prometheus and Alertmanager have together; who looks at a status does not wait for them. */
const answerTimeout = 2_500;
/** Milliseconds after which metrics are stale: the schedule writes them every minute. */
const staleAfter = 5 * 60_000;

/** Could not be read for a minute at least: right after a start the first reading may come too early. */
const downQuery = "up == 0 and up offset 1m == 0";

/** What monitoring says; undefined where the stack has none. Never fails: what does not answer is told as that. */
export async function readMonitoring(
  directory: string,
  model: StackModel,
  engine: Engine,
  containers: readonly ObservedContainer[],
): Promise<MonitoringStatus | undefined> {
  const { monitoring } = model;
  if (monitoring === undefined) return undefined;
  const { writtenAt, logStores } = readMetricsMemory(directory);
  const written = {
    ...(writtenAt !== undefined && { metricsWrittenAt: new Date(writtenAt).toISOString() }),
    ...(logStores !== undefined && Object.keys(logStores.bytes).length > 0 && { logStores: logStores.bytes }),
  };
  const runs = ({ service }: { service: string }) =>
    containers.find((container) => container.service === service && !container.oneOff && container.state === "running");
  const prometheus = runs(monitoring.prometheus);
  // Those that do not run are told as services.
  if (prometheus === undefined || runs(monitoring.alertmanager) === undefined) return { ...written };
  const [alerts, targets] = await Promise.all([
    answered("Alertmanager", knownToAlertmanager({ model, engine })),
    answered("Prometheus", targetsDown(engine, prometheus.id, monitoring.prometheus.port)),
  ]);
  const silent = [alerts, targets].flatMap((answer) => answer.error ?? []);
  return {
    ...(alerts.value !== undefined && { alerts: alerts.value }),
    ...(targets.value !== undefined && { targetsDown: targets.value }),
    ...written,
    ...(silent.length > 0 && { silent }),
  };
}

async function answered<Value>(
  who: string,
  work: Promise<Value>,
): Promise<{ value: Value; error?: undefined } | { value?: undefined; error: string }> {
  try {
    return { value: await within(answerTimeout, who, work, new AbortController().signal) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

async function targetsDown(engine: Engine, id: string, port: number): Promise<TargetDown[]> {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(downQuery)}`;
  const { exitCode, stdout } = await engine.exec(id, ["wget", "-q", "-T", "2", "-O", "-", url], {
    timeout: answerTimeout,
  });
  if (exitCode !== 0) throw new Error("Prometheus runs and does not answer");
  const { data } = JSON.parse(stdout) as { data: { result: { metric: Record<string, string> }[] } };
  return data.result.map(({ metric: { job = "", instance = "", component, service } }) => ({
    job,
    instance,
    ...(component !== undefined && { component }),
    ...(service !== undefined && { service }),
  }));
}

/**
 * What monitoring says that is not said already: an alert about a service that is known to be down says the same again,
 * and one that follows from another, or is silenced, is not for telling.
 */
export function monitoringProblems(
  model: StackModel,
  status: MonitoringStatus | undefined,
  told: readonly StatusProblem[],
  services: readonly ServiceStatus[],
  now: number,
): StatusProblem[] {
  if (status === undefined) return [];
  const subjects = new Set(told.map(({ subject }) => subject));
  const isTold = (service: string | undefined) => service !== undefined && subjects.has(service);
  const loud = (status.alerts ?? []).filter(({ quiet, service }) => !quiet && !isTold(service));
  for (const { service } of loud) if (service !== undefined) subjects.add(service);
  const down = (status.targetsDown ?? []).filter(({ service }) => !isTold(service));
  return [
    ...loud.map(({ name, service, component, summary, command }) => ({
      subject: service ?? component ?? "stack",
      message: `${name}: ${summary}`,
      hint: command ?? "./prod.sh alerts list",
    })),
    ...down.map(({ job, instance, service }) => ({
      subject: service ?? job,
      message: `Prometheus cannot read the metrics of ${service ?? job} (${instance})`,
      hint: `./prod.sh logs ${service ?? model.monitoring?.prometheus.service ?? ""} --tail 50`,
    })),
    ...notKnown(model, status.silent ?? []),
    ...staleMetrics(status, services, now),
  ];
}

function notKnown({ monitoring }: StackModel, silent: readonly string[]): StatusProblem[] {
  if (silent.length === 0) return [];
  const services = `${monitoring?.prometheus.service ?? ""} ${monitoring?.alertmanager.service ?? ""}`;
  return [
    {
      subject: "monitoring",
      message: `what fires is not known: ${silent.join("; ")}`,
      hint: `./prod.sh logs ${services} --tail 50`,
    },
  ];
}

function staleMetrics({ metricsWrittenAt }: MonitoringStatus, services: readonly ServiceStatus[], now: number) {
  const hint = "./prod.sh schedule show";
  if (metricsWrittenAt !== undefined) {
    const age = now - Date.parse(metricsWrittenAt);
    if (age < staleAfter) return [];
    const message = `metrics of services were last written ${formatAge(age)} ago: neither the schedule nor watch runs`;
    return [{ subject: "monitoring", message, hint }];
  }
  const longest = Math.max(0, ...services.map(({ uptime = 0 }) => uptime * 1_000));
  if (longest < staleAfter) return [];
  const message =
    "metrics of services were never written, so their alerts cannot fire: neither the schedule nor watch runs";
  return [{ subject: "monitoring", message, hint: "./prod.sh schedule install" }];
}
