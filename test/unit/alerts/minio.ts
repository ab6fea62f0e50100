import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string, more = 'server="127.0.0.1:9000"') => ({
  [`${metric}{job="minio",component="minio",service="minio",instance="minio:9000",${more}}`]: values,
});
const disk = (free: string, total: string) => ({
  ...of("minio_cluster_capacity_usable_free_bytes", free),
  ...of("minio_cluster_capacity_usable_total_bytes", total),
});
const health = (offline: string, status: string) => ({
  ...of("minio_cluster_drive_offline_total", offline),
  ...of("minio_cluster_health_status", status),
});

export const cases: RuleCases = {
  MinioDown: {
    fires: {
      series: { 'up{job="minio",component="minio",service="minio",instance="minio:9000"}': "1x3 0x5" },
      at: "6m",
      labels: { component: "minio", cause: "true" },
    },
    silent: {
      series: { 'up{job="minio",component="minio",service="minio",instance="minio:9000"}': "1x3 0 1x5" },
      at: "4m",
    },
  },
  MinioDiskNearlyFull: {
    fires: { series: disk("14x10", "100x10"), at: "8m" },
    silent: [
      { series: disk("16x10", "100x10"), at: "8m" },
      { series: disk("50x5 10x3 50x5", "100x15"), at: "8m" },
      // What a drive that is offline says.
      { series: disk("0x10", "0x10"), at: "8m" },
    ],
  },
  MinioDriveOffline: {
    fires: [
      { series: health("0x2 1x10", "1x12"), at: "5m" },
      { series: health("0x12", "1x2 0x10"), at: "5m" },
    ],
    silent: [
      { series: health("0x12", "1x12"), at: "5m" },
      { series: health("0x4 1 0x9", "1x4 0 1x9"), at: "5m" },
    ],
  },
  MinioErrors: {
    fires: { series: of("minio_s3_requests_5xx_errors_total", "0+2x20", 'api="putobject"'), at: "12m" },
    silent: [
      { series: of("minio_s3_requests_5xx_errors_total", "0+1x20", 'api="putobject"'), at: "12m" },
      { series: of("minio_s3_requests_5xx_errors_total", "0x5 40x20", 'api="putobject"'), at: "9m" },
      { series: of("minio_s3_requests_4xx_errors_total", "0+30x20", 'api="getobject"'), at: "12m" },
    ],
  },
};
