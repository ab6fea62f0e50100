import type { ObservedContainer, ResourceUse } from "../../engine/engine.ts";
import type { Metric, Sample } from "../../notify/metrics-text.ts";
import type { StackModel } from "../../stack/model.ts";
import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { JobView } from "../jobs/view.ts";
import { type Counts, countsOf } from "./counts.ts";

/** What was seen of a stack in one look. Times are milliseconds since 1970. */
export interface Sight {
  at: number;
  model: Pick<StackModel, "name" | "services">;
  containers: readonly ObservedContainer[];
  use: ReadonlyMap<string, ResourceUse>;
  counts: Counts;
  /** The last run of each app's migrations that came to an end. */
  migrations: readonly { app: string; ok: boolean; at: number }[];
  jobs: readonly JobView[];
  scheduledAt?: number;
  /** Restarts of unhealthy services by `watch`, by service. */
  watchRestarts: Readonly<Record<string, number>>;
  /** Bytes on the disk of log stores, by component. */
  logStores: Readonly<Record<string, number>>;
}

/** Component of a service that only compose.override.yaml knows. */
const overrideComponent = "override";

interface Seen {
  container: ObservedContainer;
  group: string;
  /** Labels of its series. */
  labels: Record<string, string>;
  release: string;
}

/** Metrics of a stack's services and containers, for the node exporter's textfile collector. Pure. */
export function serviceMetrics(sight: Sight): Metric[] {
  const stack = sight.model.name;
  const lasting = lastingServices(sight);
  const seen = lasting.flatMap(({ component, service, group, containers }) =>
    containers.map((container) => ({
      container,
      group,
      labels: { stack, component, service, container: container.name },
      release: releaseOf(container.image),
    })),
  );
  const perService = (value: (one: LastingService) => number | undefined): Sample[] =>
    lasting.flatMap((one) => sample({ stack, component: one.component, service: one.service }, value(one)));
  const perContainer = (value: (one: Seen) => number | undefined): Sample[] =>
    seen.flatMap((one) => sample(one.labels, value(one)));
  const perRelease = (value: (one: Seen) => number | undefined): Sample[] =>
    seen.flatMap((one) => sample({ ...one.labels, release: one.release }, value(one)));
  const perMigration = (value: (one: Sight["migrations"][number]) => number): Sample[] =>
    sight.migrations.flatMap((one) => sample({ stack, component: one.app }, value(one)));

  return [
    gauge(
      "metrics_written_timestamp_seconds",
      "When these metrics were written.",
      sample({ stack }, seconds(sight.at)),
    ),
    gauge(
      "service_replicas_wanted",
      "Containers that the service should have.",
      perService(({ wanted }) => wanted),
    ),
    gauge(
      "service_replicas_running",
      "Containers of the service that run.",
      perService(({ containers }) => containers.filter(isRunning).length),
    ),
    gauge(
      "container_running",
      "1 where the container runs.",
      perContainer(({ container }) => (isRunning(container) ? 1 : 0)),
    ),
    gauge(
      "container_healthy",
      "1 where the last health checks went well. Not there without a check, and while it is starting.",
      perContainer(({ container }) => healthOf(container)),
    ),
    counter(
      "container_restarts",
      "Starts of the service's containers after an end that nobody asked for.",
      perService(({ service }) => countsOf(sight.counts, service).restarts),
    ),
    counter(
      "container_oom_kills",
      "Ends of processes in the service's containers because they ran out of memory.",
      perService(({ service }) => countsOf(sight.counts, service).oomKills),
    ),
    counter(
      "watch_restarts",
      "Restarts of the service by `watch` because it was unhealthy.",
      perService(({ service }) => sight.watchRestarts[service] ?? 0),
    ),
    gauge(
      "container_start_timestamp_seconds",
      "When the container was started last.",
      perRelease(({ container }) => (isRunning(container) ? seconds(container.startedAt) : undefined)),
    ),
    gauge(
      "container_memory_bytes",
      "Memory in use, without the page cache.",
      perRelease(({ container }) => sight.use.get(container.id)?.memory),
    ),
    gauge(
      "container_memory_limit_bytes",
      "Memory that the container may use.",
      perRelease(({ container }) => container.memoryLimit || undefined),
    ),
    counter(
      "container_cpu_seconds",
      "Processor time since the container was started.",
      perRelease(({ container }) => sight.use.get(container.id)?.cpu),
    ),
    gauge(
      "container_cpu_limit",
      "Processors that the container may use.",
      perRelease(({ container }) => container.cpuLimit || undefined),
    ),
    gauge(
      "container_info",
      "1: group, image and release of a container, and its address on the network on which metrics are read.",
      seen.flatMap(({ container, group, labels, release }) =>
        sample({ ...labels, group, release, image: container.image, address: scrapeAddress(stack, container) }, 1),
      ),
    ),
    gauge(
      "migration_last_success",
      "1 where the last migration went well.",
      perMigration(({ ok }) => (ok ? 1 : 0)),
    ),
    gauge(
      "migration_last_timestamp_seconds",
      "When the last migration ended.",
      perMigration(({ at }) => at / 1_000),
    ),
    ...jobMetrics(sight),
    gauge(
      "schedule_last_run_timestamp_seconds",
      "When the schedule was called last.",
      sample({ stack }, seconds(sight.scheduledAt)),
    ),
    gauge(
      "log_store_bytes",
      "Size of a log store on the disk.",
      Object.entries(sight.logStores).flatMap(([component, bytes]) => sample({ stack, component }, bytes)),
    ),
  ];
}

/** Of a job that has not run yet there is nothing to say but whether it should have. */
function jobMetrics({ jobs, model: { name: stack } }: Sight): Metric[] {
  const perJob = (value: (job: JobView) => number | undefined): Sample[] =>
    jobs.flatMap((job) => sample({ stack, component: job.name }, value(job)));
  const at = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) / 1_000);
  return [
    gauge(
      "job_last_success",
      "1 where the last run of the job ended well.",
      perJob(({ last }) => last && (last.outcome === "ok" ? 1 : 0)),
    ),
    gauge(
      "job_last_success_timestamp_seconds",
      "When the last run that ended well ended.",
      perJob(({ lastSuccess }) => at(lastSuccess?.finishedAt)),
    ),
    gauge(
      "job_last_duration_seconds",
      "How long the last run took.",
      perJob(({ last }) => last && (at(last.finishedAt) ?? 0) - (at(last.startedAt) ?? 0)),
    ),
    gauge(
      "job_running",
      "1 where the job is at work.",
      perJob(({ running }) => (running === undefined ? 0 : 1)),
    ),
    gauge(
      "job_overdue",
      "1 where the job should have run and has not.",
      perJob(({ overdueSince }) => (overdueSince === undefined ? 0 : 1)),
    ),
    counter(
      "job_failures",
      "Runs of the job that did not end well, missed ones included.",
      perJob(({ failures }) => failures),
    ),
  ];
}

interface LastingService {
  component: string;
  service: string;
  /** `apps`, `data` and so on; empty where only compose.override.yaml knows it. */
  group: string;
  /** Undefined where only compose.override.yaml knows it. */
  wanted?: number;
  containers: ObservedContainer[];
}

/** Services that are to run for ever; the model's in its order, then those of compose.override.yaml. */
function lastingServices({ model, containers }: Sight): LastingService[] {
  const standing = containers.filter(({ oneOff }) => !oneOff);
  const known = new Set(model.services.map(({ name }) => name));
  const others = [...new Set(standing.map(({ service }) => service))].filter((name) => !known.has(name));
  const of = (service: string) => standing.filter((container) => container.service === service);
  return [
    ...model.services
      .filter((service) => service.class === "long-running")
      .map(({ name, component, group, replicas }) => ({
        component,
        service: name,
        group,
        wanted: replicas,
        containers: of(name),
      })),
    ...others.map((name) => ({ component: overrideComponent, service: name, group: "", containers: of(name) })),
  ];
}

function isRunning({ state }: ObservedContainer): boolean {
  return state === "running";
}

function healthOf({ state, health }: ObservedContainer): number | undefined {
  if (state !== "running" || health === undefined || health === "starting") return undefined;
  return health === "healthy" ? 1 : 0;
}

/** The tag of an image, without registry and digest; of one without a tag the beginning of its digest. */
export function releaseOf(image: string): string {
  const [name = "", digest = ""] = image.split("@", 2);
  const tag = /:([\w.-]+)$/.exec(name)?.[1];
  return tag ?? (digest === "" ? "latest" : digest.replace(/^sha256:/, "").slice(0, 12));
}

function scrapeAddress(stack: string, { addresses }: ObservedContainer): string {
  return addresses[`${stack}_${scrapeNetwork}`] ?? "";
}

function sample(labels: Record<string, string>, value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value }];
}

function seconds(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : milliseconds / 1_000;
}

function gauge(name: string, help: string, samples: Sample[]): Metric {
  return { name: `create_stack_${name}`, type: "gauge", help, samples };
}

function counter(name: string, help: string, samples: Sample[]): Metric {
  return { name: `create_stack_${name}_total`, type: "counter", help, samples };
}
