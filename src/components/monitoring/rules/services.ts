import type { AlertRule } from "../../../stack/monitoring.ts";

const minute = 60_000;

/** Of what the supervisor sees of containers. The series themselves say whose they are. */
export const serviceRules: AlertRule[] = [
  {
    name: "ServiceDown",
    expr: "create_stack_service_replicas_running == 0 and create_stack_service_replicas_wanted > 0",
    for: minute,
    severity: "critical",
    cause: true,
    summary: "{{ $labels.service }} does not run",
    meaning: "No container of the service is running: it was stopped, or it ended and does not start again.",
    command: "./prod.sh start {{ $labels.service }}",
  },
  {
    name: "ServiceReplicasMissing",
    expr: "create_stack_service_replicas_running > 0 and create_stack_service_replicas_running < create_stack_service_replicas_wanted",
    for: 2 * minute,
    severity: "warning",
    summary: "of {{ $labels.service }} only {{ $value }} run",
    meaning: "Fewer containers run than stack.yaml says. The others serve on, with more to do.",
    command: "./prod.sh start {{ $labels.service }}",
  },
  {
    name: "ServiceCrashLoop",
    expr: "increase(create_stack_container_restarts_total[5m]) > 3",
    for: 0,
    severity: "critical",
    cause: true,
    summary: "{{ $labels.service }} ended {{ $value | humanize }} times within 5 minutes",
    meaning: "It starts and ends again and again. The last lines of its log say why it ends.",
    command: "./prod.sh logs {{ $labels.service }} --since 10m",
  },
  {
    name: "ServiceUnhealthy",
    expr: "create_stack_container_healthy == 0",
    for: 2 * minute,
    severity: "critical",
    cause: true,
    summary: "{{ $labels.container }} is unhealthy",
    meaning: "The container runs, but its health check fails: it hangs, or something that it needs is missing.",
    command: "./prod.sh logs {{ $labels.service }} --since 10m",
  },
  {
    name: "ServiceOutOfMemory",
    expr: "increase(create_stack_container_oom_kills_total[15m]) > 0",
    for: 0,
    severity: "critical",
    summary: "{{ $labels.service }} was killed because it ran out of memory",
    meaning:
      "It wanted more memory than its limit. It was started again, but what it was doing is lost. Give it a higher limit in stack.yaml (limits: { memory: … }), or find out why it needs so much.",
    command: "./prod.sh status",
  },
  {
    name: "ServiceMemoryNearLimit",
    expr: "create_stack_container_memory_bytes / create_stack_container_memory_limit_bytes > 0.95",
    for: 10 * minute,
    severity: "warning",
    summary: "{{ $labels.container }} uses {{ $value | humanizePercentage }} of the memory that it may use",
    meaning: "Above its limit it is killed. Give it a higher limit in stack.yaml (limits: { memory: … }).",
    command: "./prod.sh status",
  },
  {
    name: "ServiceCpuAtLimit",
    expr: "rate(create_stack_container_cpu_seconds_total[10m]) / create_stack_container_cpu_limit > 0.95",
    for: 15 * minute,
    severity: "warning",
    summary: "{{ $labels.container }} uses all the processor time that it may use",
    meaning:
      "It is held back by its limit, so it answers late. Give it a higher one in stack.yaml (limits: { cpus: … }).",
    command: "./prod.sh status",
  },
  {
    name: "MigrationFailed",
    expr: "create_stack_migration_last_success == 0",
    for: 0,
    severity: "critical",
    summary: "the last migration of {{ $labels.component }} failed",
    meaning: "The database may be between two versions. What the migration said is in its log.",
    command: "./prod.sh migrate {{ $labels.component }}",
  },
];
