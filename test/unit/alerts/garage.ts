import type { RuleCases } from "../../support/rule-cases.ts";

const labels = 'job="garage",component="garage",service="garage",instance="garage:3903"';
const up = (values: string) => ({ [`up{${labels}}`]: values });
const disk = (free: string) => ({
  [`garage_local_disk_avail{${labels},volume="data"}`]: free,
  [`garage_local_disk_total{${labels},volume="data"}`]: "100x15",
  // Of a disk of its own that has room.
  [`garage_local_disk_avail{${labels},volume="metadata"}`]: "100x15",
  [`garage_local_disk_total{${labels},volume="metadata"}`]: "100x15",
});
const unreadable = (values: string) => ({ [`block_resync_errored_blocks{${labels}}`]: values });
const errors = (code: string, values: string) => ({
  [`api_s3_error_counter{${labels},api_endpoint="PutObject",status_code="${code}"}`]: values,
});

export const cases: RuleCases = {
  GarageDown: {
    fires: { series: up("1x3 0x5"), at: "6m", labels: { component: "garage", cause: "true" } },
    silent: { series: up("1x3 0 1x5"), at: "4m" },
  },
  GarageDiskNearlyFull: {
    fires: { series: disk("14x10"), at: "8m" },
    silent: [
      { series: disk("16x10"), at: "8m" },
      { series: disk("50x5 10x3 50x5"), at: "8m" },
    ],
  },
  GarageObjectsDamaged: {
    fires: { series: unreadable("0x2 1x20"), at: "20m" },
    silent: [
      { series: unreadable("0x20"), at: "20m" },
      // It tried again and found it.
      { series: unreadable("0x2 1x5 0x20"), at: "20m" },
    ],
  },
  GarageErrors: {
    fires: { series: errors("500", "0+2x20"), at: "12m" },
    silent: [
      { series: errors("500", "0+1x20"), at: "12m" },
      { series: errors("404", "0+30x20"), at: "12m" },
    ],
  },
};
