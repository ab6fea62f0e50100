import type { AlertRule, DashboardPanel } from "../../stack/monitoring.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { Contribution } from "../component.ts";
import {
  answers,
  exporterService,
  gaugeOfShare,
  monitorSecret,
  monitorUser,
  serverDown,
  topRow,
} from "../monitored.ts";
import { namesOf } from "./services.ts";

const port = 9127;
const minute = 60_000;

/** What is there of the pooler for Prometheus: https://github.com/prometheus-community/pgbouncer_exporter. */
export function poolerMonitoring(key: string): Contribution {
  const { pooler, setup } = namesOf(key);
  const name = `${pooler}-exporter`;
  const address = `${pooler}_address`;
  const service = exporterService({
    key,
    image: "quay.io/prometheuscommunity/pgbouncer-exporter:v0.12.1",
    user: "65534:65534",
    environment: {},
    secret: address,
    alive: `http://127.0.0.1:${port}/`,
    setup,
  });
  // It knows no file for the address, which holds the password; as an argument every process list would show it.
  const read = `export PGBOUNCER_EXPORTER_CONNECTION_STRING="$(cat /run/secrets/${address})"`;
  return {
    services: [
      {
        ...service,
        name,
        about: `Reads the state of ${pooler} for Prometheus`,
        entrypoint: ["sh", "-c", `${read} && exec /bin/pgbouncer_exporter`],
      },
    ],
    secrets: [
      {
        name: address,
        about: `Where and as whom the exporter of ${pooler} logs in`,
        mode: 0o444,
        kind: "composed",
        content: secretText`postgres://${monitorUser}:${secret(monitorSecret(key), "uri")}@${pooler}:5432/pgbouncer?sslmode=disable\n`,
      },
    ],
    scrapes: [{ job: pooler, service: name, port, path: "/metrics" }],
    alertRules: poolerRules(key),
  };
}

/** Series of the pooler's exporter. */
const seriesOf = (key: string) => (metric: string) => `pgbouncer_${metric}{job="${namesOf(key).pooler}"}`;

/** Share of an app's connections that work right now. */
function inUse(key: string): string {
  const of = seriesOf(key);
  return `sum by (database) (${of("pools_server_active_connections")}) / max by (database) (${of("databases_pool_size")} > 0)`;
}

function clientsInUse(key: string): string {
  const of = seriesOf(key);
  return `max(${of("used_clients")}) / max(${of("config_max_client_connections")})`;
}

function poolerRules(key: string): AlertRule[] {
  const of = seriesOf(key);
  const { pooler } = namesOf(key);
  const pools = './prod.sh pgbouncer -c "SHOW POOLS"';
  return [
    serverDown(key, {
      name: "PoolerDown",
      expr: `max(${of("up")}) == 0`,
      summary: `${pooler} takes no connections`,
      meaning:
        "PgBouncer is stopped, still starts, or refuses the exporter's password. Every app that goes through it fails as long, whatever Postgres does.",
      command: `./prod.sh logs ${pooler}`,
    }),
    {
      name: "PoolerClientsWait",
      expr: `max by (database) (${of("pools_client_maxwait_seconds")}) > 5`,
      for: 2 * minute,
      severity: "warning",
      about: key,
      summary: `transactions of {{ $labels.database }} have waited for {{ $value | humanizeDuration }} for a connection of ${key}`,
      meaning:
        "All connections of this app are in use. Mostly something holds them: a slow query, or a transaction that does nothing. Only where all of them do work, a larger size: helps.",
      command: pools,
    },
    {
      name: "PoolerPoolFull",
      expr: `${inUse(key)} > 0.95`,
      for: 10 * minute,
      severity: "warning",
      about: key,
      summary: `{{ $labels.database }} has used {{ $value | humanizePercentage }} of its connections in ${pooler} for ten minutes`,
      meaning:
        "There is nothing left for a busier hour: further transactions wait. Look for slow queries first, then at size: of the pooler and at the memory of Postgres.",
      command: pools,
    },
    {
      name: "PoolerClientsNearLimit",
      expr: `${clientsInUse(key)} > 0.85`,
      for: 5 * minute,
      severity: "warning",
      about: key,
      summary: `${pooler} has {{ $value | humanizePercentage }} of the connections that it takes from apps`,
      meaning:
        'When all are taken, new ones are refused ("no more connections allowed"). Mostly an app opens more than it closes; otherwise raise clients: of the pooler.',
      command: './prod.sh pgbouncer -c "SHOW CLIENTS"',
    },
  ];
}

/** Panels of the pooler on the dashboard of its server. */
export function poolerPanels(key: string): DashboardPanel[] {
  const of = seriesOf(key);
  const sum = (metric: string) => `sum by (database) (${of(metric)})`;
  return [
    ...topRow([
      answers(
        { expr: of("up"), legend: namesOf(key).pooler },
        "0: stopped, starting, or the exporter's password is refused.",
        { title: "Pooler: takes connections", width: 5 },
      ),
      gaugeOfShare({
        title: "Pooler: connections of apps",
        about: "Of those that it takes.",
        queries: [{ expr: clientsInUse(key), legend: namesOf(key).pooler }],
        thresholds: { warning: 0.7, critical: 0.85 },
        width: 5,
      }),
      {
        title: "Pooler: connections of the server in use",
        kind: "timeseries",
        unit: "percentunit",
        queries: [{ expr: inUse(key), legend: "{{database}}" }],
        thresholds: { warning: 0.8, critical: 0.95 },
        min: 0,
        max: 1,
        width: 14,
      },
    ]),
    {
      title: "Pooler: transactions that wait",
      about: "For a connection of the server; what the oldest has waited, in seconds, beside it.",
      kind: "timeseries",
      unit: "short",
      queries: [
        { expr: sum("pools_client_waiting_connections"), legend: "{{database}}" },
        {
          expr: `max by (database) (${of("pools_client_maxwait_seconds")})`,
          legend: "{{database}}: seconds of the oldest",
        },
      ],
      min: 0,
      width: 12,
    },
    {
      title: "Pooler: transactions",
      kind: "timeseries",
      unit: "ops",
      queries: [
        {
          expr: `sum by (database) (rate(${of("stats_totals_sql_transactions_pooled_total")}[$__rate_interval]))`,
          legend: "{{database}}",
        },
      ],
      min: 0,
      width: 12,
    },
  ];
}
