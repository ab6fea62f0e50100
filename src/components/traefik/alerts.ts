import type { AlertRule, Thresholds } from "../../stack/monitoring.ts";
import { serverDown } from "../monitored.ts";
import { perService } from "./metrics.ts";
import type { WantedRoute } from "./routes.ts";

const minute = 60_000;

/** Failures, and requests, in five minutes below which a share says nothing: at night one can be half of all. */
const fewFailures = 3;
const fewRequests = 20;

/** When somebody is told about requests; Traefik tells its own metrics as the job `key`. */
export function alertRules(
  key: string,
  thresholds: Pick<Thresholds, "errors" | "p99">,
  routes: readonly Pick<WantedRoute, "service" | "component" | "uploads">[],
): AlertRule[] {
  return [down(key), ...(routes.length > 0 ? [fail(key, thresholds), slow(key, thresholds, routes)] : []), open(key)];
}

function down(key: string): AlertRule {
  return serverDown(key, {
    name: "TraefikDown",
    expr: `max(up{job="${key}"}) == 0`,
    summary: `${key} does not answer, so nothing of this stack is reached from outside`,
    meaning:
      "Traefik is stopped or does not start: a setting that it does not take, a port that another program holds.",
  });
}

/** An app's component has the name of its service. */
function ofComponent(expr: string): string {
  return `label_replace(${expr}, "component", "$1", "service", "(.*)")`;
}

function fail(key: string, { errors }: Pick<Thresholds, "errors">): AlertRule {
  const requests = (more = "") => `traefik_service_requests_total{job="${key}"${more}}[5m]`;
  const failed = perService(`rate(${requests(', code=~"5.."')})`);
  const all = perService(`rate(${requests()})`);
  return {
    name: "RequestsFail",
    expr: `${ofComponent(`${failed}\n/ ${all}`)} > ${errors}\nand on (service) ${failed} * 300 >= ${fewFailures}`,
    for: 5 * minute,
    severity: "critical",
    summary: "{{ $value | humanizePercentage }} of the requests to {{ $labels.service }} fail",
    meaning:
      "The app answers with a server error, or Traefik does not reach it (502, 504). Look at the app's log, then at what it uses.",
    command: "./prod.sh logs {{ $labels.service }} --since 15m",
  };
}

function slow(
  key: string,
  { p99 }: Pick<Thresholds, "p99">,
  routes: readonly Pick<WantedRoute, "service" | "uploads">[],
): AlertRule {
  // An upload takes as long as its sender's line needs, and a WebSocket or an event stream as long as somebody listens.
  const uploads = [...new Set(routes.filter((route) => route.uploads).map(({ service }) => service))];
  const but = uploads.length === 0 ? "" : `, service!~"(${uploads.join("|")})[.@].*"`;
  const series = `{job="${key}", protocol!~"websocket|sse"${but}}[5m]`;
  const quantile = `histogram_quantile(0.99, ${perService(`rate(traefik_service_request_duration_seconds_bucket${series})`, "le")})`;
  const all = perService(`rate(traefik_service_request_duration_seconds_count${series})`);
  return {
    name: "RequestsSlow",
    expr: `${ofComponent(quantile)} > ${p99}\nand on (service) ${all} * 300 >= ${fewRequests}`,
    for: 10 * minute,
    severity: "warning",
    summary: "one of a hundred requests to {{ $labels.service }} takes longer than {{ $value | humanizeDuration }}",
    meaning:
      "The app has too little processor time or memory, or waits for what it uses: a slow query, a lock, another service.",
    command: "./prod.sh status",
  };
}

/** Half of what its files are enough for: each request needs two. */
function open(key: string): AlertRule {
  return {
    name: "TraefikConnectionsHigh",
    expr: `sum(traefik_open_connections{job="${key}", entrypoint=~"web.*"}) > 4000`,
    for: 5 * minute,
    severity: "warning",
    about: key,
    summary: `${key} holds {{ $value | humanize }} connections open`,
    meaning:
      "Either very many people are here, or an app does not answer and its requests pile up, or somebody opens connections on purpose. At about 8000 no new ones are taken.",
    command: `./prod.sh logs ${key} --since 10m`,
  };
}
