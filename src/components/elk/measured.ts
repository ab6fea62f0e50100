import type { AlertRule, Scrape } from "../../stack/monitoring.ts";
import { scrapeNetwork } from "../../stack/monitoring.ts";
import type { ServiceNeeds } from "../component.ts";
import { collectorName } from "../container-logs/collector.ts";
import { exporterName, exporterService, monitorUser } from "../monitored.ts";
import { namesOf, ports } from "./names.ts";

const minute = 60_000;

/** Elasticsearch itself tells Prometheus nothing. */
export function elasticsearchExporter(key: string): ServiceNeeds {
  const names = namesOf(key);
  const url = `http://${names.elasticsearch}:${ports.elasticsearch}`;
  const read = `ES_PASSWORD="$(cat /run/secrets/${names.secrets.monitor})"`;
  const needs = exporterService({
    key,
    image: "quay.io/prometheuscommunity/elasticsearch-exporter:v1.11.0",
    user: "65534:65534",
    environment: { ES_USERNAME: monitorUser },
    secret: names.secrets.monitor,
    alive: `http://127.0.0.1:${ports.exporter}/`,
    setup: names.setup,
  });
  return {
    ...needs,
    // It takes its password from the environment alone; so that of the Compose file stays without.
    entrypoint: ["sh", "-c", `${read} exec /bin/elasticsearch_exporter --es.uri=${url}`],
    networks: [names.store, scrapeNetwork],
  };
}

export function elasticsearchScrape(key: string): Scrape {
  return { job: key, service: exporterName(key), port: ports.exporter, path: "/metrics" };
}

/** Neither runs nor is healthy, as the supervisor saw it; a container that is gone has only the count of replicas. */
function isDown(service: string): string {
  return `create_stack_service_replicas_running{service="${service}"} == 0 or create_stack_container_healthy{service="${service}"} == 0`;
}

export function elkRules(key: string): AlertRule[] {
  const names = namesOf(key);
  const collector = collectorName(key);
  return [
    {
      name: "ElasticsearchDown",
      expr: isDown(names.elasticsearch),
      for: 3 * minute,
      severity: "warning",
      about: key,
      cause: true,
      summary: "Elasticsearch does not answer: logs can be neither kept nor searched",
      meaning:
        "The apps are not affected. Lines wait in Logstash's queue on disk, then in the containers' own logs; `./prod.sh logs` reads them there meanwhile.",
      command: `./prod.sh logs ${names.elasticsearch}`,
    },
    {
      name: "ElasticsearchRed",
      expr: `elasticsearch_cluster_health_status{job="${key}",color="red"} == 1`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: "Elasticsearch cannot reach a part of the logs",
      meaning:
        "A part of an index is damaged or cannot be opened; searches find only the rest. Its log says which, and whether the disk is to blame.",
      command: `./prod.sh logs ${names.elasticsearch}`,
    },
    {
      name: "ElasticsearchDiskNearlyFull",
      expr: `min by (job) (elasticsearch_filesystem_data_available_bytes{job="${key}"}) < 5 * 1024^3`,
      for: 10 * minute,
      severity: "warning",
      about: key,
      summary: "Less than 5 GB are free on the disk of the logs: Elasticsearch begins no new index",
      meaning:
        "Below 2 GB it refuses every new line, and goes on by itself when there is room again. Keep lines for a shorter time (retention: in stack.yaml), or see what else fills the disk.",
      command: "docker system df",
    },
    {
      name: "LogstashDown",
      expr: isDown(names.logstash),
      for: 3 * minute,
      severity: "warning",
      about: key,
      summary: "Logstash does not run: lines that apps send to it themselves are lost meanwhile",
      meaning: "Lines of containers wait where they are and are brought when it is back.",
      command: `./prod.sh logs ${names.logstash}`,
    },
    {
      name: "LogstashBehind",
      expr: `otelcol_exporter_queue_size{job="${collector}"} / otelcol_exporter_queue_capacity{job="${collector}"} > 0.8`,
      for: 15 * minute,
      severity: "warning",
      about: key,
      summary: "Logstash takes lines more slowly than they are written",
      meaning:
        "Its queue on disk is full, or it needs more processor time. What is searched is behind; nothing is lost as long as the containers' own logs reach back far enough.",
      command: `./prod.sh logs ${names.logstash}`,
    },
  ];
}
