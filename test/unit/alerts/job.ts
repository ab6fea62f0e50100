import type { RuleCases } from "../../support/rule-cases.ts";

const of = (metric: string, values: string, key = "nightly") => ({
  [`create_stack_job_${metric}{job="node",stack="shop",component="${key}"}`]: values,
});
const success = "last_success";

export const cases: RuleCases = {
  JobFailed: {
    fires: { series: of(success, "1x3 0x3"), at: "4m", labels: { component: "nightly", severity: "warning" } },
    silent: [
      { series: { ...of(success, "0x3 1x3"), ...of(success, "0x6", "another") }, at: "4m" },
      // It has not run yet.
      { series: of("overdue", "0x6"), at: "4m" },
    ],
  },
  JobOverdue: {
    fires: { series: of("overdue", "0x3 1x8"), at: "10m", labels: { component: "nightly" } },
    silent: [
      { series: of("overdue", "0 1x4 0x4"), at: "8m" },
      { series: { ...of("overdue", "0x9"), ...of("overdue", "1x9", "another") }, at: "8m" },
    ],
  },
};
