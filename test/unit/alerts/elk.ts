import type { RuleCases } from "../../support/rule-cases.ts";

const exporter = 'job="elk",component="elk",service="elk-exporter"';
const alloy = 'job="elk-alloy",component="elk",service="elk-alloy"';
const containerOf = (service: string) => `component="elk",service="${service}",container="shop-${service}-1"`;

/** A server that is gone, one that runs and does not answer, and one that had a bad minute. */
function downCases(service: string): RuleCases[string] {
  const running = `create_stack_service_replicas_running{component="elk",service="${service}"}`;
  const healthy = `create_stack_container_healthy{${containerOf(service)}}`;
  return {
    fires: [
      { series: { [running]: "1x2 0x10" }, at: "8m", labels: { component: "elk", service } },
      { series: { [running]: "1x12", [healthy]: "1x2 0x10" }, at: "8m", labels: { component: "elk", service } },
    ],
    silent: { series: { [running]: "1x12", [healthy]: "1x2 0x1 1x10" }, at: "8m" },
  };
}

export const cases: RuleCases = {
  ElasticsearchDown: downCases("elk-elasticsearch"),
  LogstashDown: downCases("elk-logstash"),
  ElasticsearchRed: {
    fires: {
      series: { [`elasticsearch_cluster_health_status{${exporter},cluster="shop",color="red"}`]: "0x2 1x10" },
      at: "10m",
      labels: { component: "elk" },
    },
    silent: {
      series: {
        [`elasticsearch_cluster_health_status{${exporter},cluster="shop",color="yellow"}`]: "1x12",
        [`elasticsearch_cluster_health_status{${exporter},cluster="shop",color="red"}`]: "0x12",
      },
      at: "10m",
    },
  },
  ElasticsearchDiskNearlyFull: {
    fires: {
      series: { [`elasticsearch_filesystem_data_available_bytes{${exporter},path="/data"}`]: "5000000000x20" },
      at: "15m",
      labels: { component: "elk" },
    },
    silent: {
      series: { [`elasticsearch_filesystem_data_available_bytes{${exporter},path="/data"}`]: "6000000000x20" },
      at: "15m",
    },
  },
  LogstashBehind: {
    fires: {
      series: {
        [`otelcol_exporter_queue_size{${alloy}}`]: "45x30",
        [`otelcol_exporter_queue_capacity{${alloy}}`]: "50x30",
      },
      at: "20m",
      labels: { component: "elk" },
    },
    silent: {
      series: {
        [`otelcol_exporter_queue_size{${alloy}}`]: "40x30",
        [`otelcol_exporter_queue_capacity{${alloy}}`]: "50x30",
      },
      at: "20m",
    },
  },
  ElkLogCollectorDown: {
    fires: { series: { [`up{${alloy}}`]: "1x2 0x10" }, at: "10m", labels: { component: "elk" } },
    silent: { series: { [`up{${alloy}}`]: "1x2 0x4 1x10" }, at: "10m" },
  },
  ElkLogsMissing: {
    fires: {
      series: { [`loki_source_docker_target_entries_total{${alloy}}`]: "0+20x5 100x40" },
      at: "30m",
      labels: { component: "elk" },
    },
    silent: { series: { [`loki_source_docker_target_entries_total{${alloy}}`]: "0+1x40" }, at: "30m" },
  },
};
