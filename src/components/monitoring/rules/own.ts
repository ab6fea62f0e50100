import type { AlertRule } from "../../../stack/monitoring.ts";

const minute = 60_000;

/** Of the monitoring itself; `about` is its key in stack.yaml. */
export function ownRules(about: string): AlertRule[] {
  return [...supervisorRules, ...prometheusRules(about), ...alertmanagerRules(about)];
}

/** What these alerts are about: the program behind ./prod.sh. */
const supervisor = "supervisor";

const supervisorRules: AlertRule[] = [
  {
    name: "TargetDown",
    expr: `up{job!~"routes|certificates"} == 0`,
    for: 3 * minute,
    severity: "warning",
    summary: "{{ $labels.service }} tells no metrics",
    meaning:
      "Prometheus gets no answer from it, or more than it takes. Other alerts about {{ $labels.component }} may stay silent meanwhile.",
    command: "./prod.sh logs {{ $labels.service }} --since 10m",
  },
  {
    name: "MetricsStale",
    expr: "time() - create_stack_metrics_written_timestamp_seconds > 300",
    for: minute,
    severity: "critical",
    about: supervisor,
    summary: "nobody has looked at the containers for {{ $value | humanizeDuration }}",
    meaning:
      "The supervisor should write down each minute what runs. Until it does, a container that dies is not noticed.",
    command: "./prod.sh schedule show",
  },
  {
    name: "ScheduleNotRunning",
    // Where its figures cannot be read at all, nothing is known of it; that is told as TargetDown.
    expr: 'time() - create_stack_schedule_last_run_timestamp_seconds > 600\nor (absent(create_stack_schedule_last_run_timestamp_seconds) and on () up{job="node"} == 1)',
    for: 10 * minute,
    severity: "critical",
    about: supervisor,
    summary: "the schedule of this stack does not run",
    meaning:
      "Backups, trial restores and looks at containers happen only when cron or systemd calls the supervisor each minute.",
    command: "./prod.sh schedule install",
  },
  {
    name: "MetricsFileUnreadable",
    expr: "node_textfile_scrape_error == 1",
    for: 10 * minute,
    severity: "warning",
    about: supervisor,
    summary: "a file in .stack/metrics cannot be read",
    meaning: "It is damaged, or of a program that writes it in another form. None of its figures is seen.",
    command: "./prod.sh logs node-exporter --since 10m",
  },
];

function prometheusRules(about: string): AlertRule[] {
  return [
    {
      name: "PrometheusConfigFailed",
      expr: "prometheus_config_last_reload_successful == 0",
      for: 5 * minute,
      severity: "warning",
      about,
      summary: "Prometheus could not read its changed configuration",
      meaning: "It goes on with the old one, and will not start again with the new one. Its log names the line.",
      command: "./prod.sh logs prometheus --since 1h",
    },
    {
      name: "PrometheusRuleFailures",
      expr: "sum by (rule_group) (increase(prometheus_rule_evaluation_failures_total[15m])) > 0",
      for: 5 * minute,
      severity: "warning",
      about,
      summary: "alert rules cannot be looked at: {{ $labels.rule_group }}",
      meaning: "An expression fails, mostly one in rules/ that joins series of different kinds. It can never fire.",
      command: "./prod.sh logs prometheus --since 15m",
    },
    {
      name: "PrometheusDiskNearSize",
      expr: "(prometheus_tsdb_storage_blocks_bytes + prometheus_tsdb_wal_storage_size_bytes) / (prometheus_tsdb_retention_limit_bytes > 0) > 0.9",
      for: 60 * minute,
      severity: "warning",
      about,
      summary: "metrics take {{ $value | humanizePercentage }} of the space that they may take",
      meaning:
        "The oldest are removed before their time. Raise size: under monitoring in stack.yaml, or shorten retention:.",
      command: "df -h",
    },
    {
      name: "PrometheusCannotTell",
      expr: "increase(prometheus_notifications_errors_total[10m]) > 0 or prometheus_notifications_alertmanagers_discovered < 1",
      for: 5 * minute,
      severity: "critical",
      about,
      // Nothing of this may be left out because another part is down.
      cause: true,
      summary: "Prometheus does not reach Alertmanager",
      meaning: "Alerts are found and nobody is told of them.",
      command: "./prod.sh logs alertmanager --since 15m",
    },
  ];
}

function alertmanagerRules(about: string): AlertRule[] {
  return [
    {
      name: "AlertmanagerConfigFailed",
      expr: "alertmanager_config_last_reload_successful == 0",
      for: 5 * minute,
      severity: "warning",
      about,
      summary: "Alertmanager could not read its changed configuration",
      meaning: "It goes on with the old one, and will not start again with the new one. Its log names the line.",
      command: "./prod.sh logs alertmanager --since 1h",
    },
    {
      name: "AlertmanagerCannotNotify",
      expr: "sum by (integration) (increase(alertmanager_notifications_failed_total[15m])) > 0",
      for: 5 * minute,
      severity: "critical",
      about,
      // Nothing of this may be left out because another part is down.
      cause: true,
      summary: "messages by {{ $labels.integration }} do not get through",
      meaning: "Its address or key is wrong, or its server is away. Other receivers get this message.",
      command: "./prod.sh logs alertmanager --since 15m",
    },
    {
      name: "Watchdog",
      expr: "vector(1)",
      for: 0,
      severity: "warning",
      about,
      summary: "alerts are looked at and sent",
      meaning:
        "It always fires, and goes to notify.heartbeat alone. A service outside of this server that gets it no more knows that nobody watches here.",
      command: "./prod.sh status",
    },
  ];
}
