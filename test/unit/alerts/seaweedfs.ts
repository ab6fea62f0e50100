import type { RuleCases } from "../../support/rule-cases.ts";

const labels = 'job="seaweedfs",component="seaweedfs",service="seaweedfs",instance="seaweedfs:9327"';
const up = (values: string) => ({ [`up{${labels}}`]: values });
const disk = (used: string, all: string) => ({
  [`SeaweedFS_volumeServer_resource{${labels},name="/data",type="used"}`]: used,
  [`SeaweedFS_volumeServer_resource{${labels},name="/data",type="all"}`]: all,
});
const readOnly = (type: string, values: string) => ({
  [`SeaweedFS_volumeServer_read_only_volumes{${labels},collection="uploads",type="${type}"}`]: values,
});
const requests = (code: string, values: string) => ({
  [`SeaweedFS_s3_request_total{${labels},type="PUT",code="${code}",bucket="uploads"}`]: values,
});

export const cases: RuleCases = {
  SeaweedfsDown: {
    fires: { series: up("1x3 0x5"), at: "6m", labels: { component: "seaweedfs", cause: "true" } },
    silent: { series: up("1x3 0 1x5"), at: "4m" },
  },
  SeaweedfsDiskNearlyFull: {
    fires: { series: disk("86x10", "100x10"), at: "8m" },
    silent: [
      { series: disk("84x10", "100x10"), at: "8m" },
      { series: disk("50x5 90x3 50x5", "100x15"), at: "8m" },
    ],
  },
  SeaweedfsReadOnly: {
    fires: { series: readOnly("noWriteOrDelete", "0x2 1x10"), at: "8m" },
    silent: [
      { series: readOnly("noWriteOrDelete", "0x2 1 0x10"), at: "8m" },
      // Full, and followed by a new one: that is usual.
      { series: readOnly("noWriteCanDelete", "3x12"), at: "8m" },
    ],
  },
  SeaweedfsErrors: {
    fires: { series: requests("500", "0+2x20"), at: "12m" },
    silent: [
      { series: requests("500", "0+1x20"), at: "12m" },
      { series: requests("404", "0+30x20"), at: "12m" },
    ],
  },
};
