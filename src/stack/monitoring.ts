/** What monitoring is made of, as plain data: components say it, the monitoring component prints it, operations read it. */

/** Network on which Prometheus reads metrics. Services that have some join it where the stack is monitored. */
export const scrapeNetwork = "scrape";

/** Network of Prometheus and those that ask it: Grafana, Alertmanager. Apps are never on it. */
export const monitoringNetwork = "monitoring";

/** Folder of the stack's directory with metrics that the supervisor writes and the node exporter reads. */
export const metricsFolder = ".stack/metrics";

/** Metrics of a service that Prometheus reads over the network `scrape`. */
export interface Scrape {
  /** Label `job`: the component's key, with an ending where it has several: `postgres`. */
  job: string;
  service: string;
  port: number;
  path: string;
  /** The service may have several containers; each is found by its address. Then `up` says nothing of one that is gone. */
  replicated?: true;
  /** Secret with a token that the service asks for. */
  token?: string;
  /** The labels `service` and `component` of its own series are kept (Traefik); otherwise they become `exported_service`. */
  keepsLabels?: true;
  /** Further labels of every series. */
  labels?: Record<string, string>;
}

/** From which values on somebody is told. */
export interface Thresholds {
  /** Share of requests that fail, of 1. */
  errors: number;
  /** Seconds that the slowest one of a hundred requests takes. */
  p99: number;
  /** Used share of a disk, of its inodes, of the memory; of 1. */
  disk: number;
  memory: number;
  /** Days that a certificate is still good for. */
  certificateDays: number;
}

/** Thresholds where stack.yaml says nothing else. */
export const usualThresholds: Thresholds = { errors: 0.01, p99: 1, disk: 0.85, memory: 0.9, certificateDays: 14 };

/** `critical`: wake somebody. `warning`: look at it today. */
export type AlertSeverity = "critical" | "warning";

/** A condition that somebody is told of. Every rule has a line in the runbook and two tests: one fires, one does not. */
export interface AlertRule {
  /** `PostgresDown`; the same for every component of the type. */
  name: string;
  /** PromQL. A series that it returns is an alert; the labels `component` and `service` say whose. */
  expr: string;
  /** Milliseconds that it must hold. */
  for: number;
  severity: AlertSeverity;
  /** Key of the component that it is about; undefined where the series themselves carry the label. */
  about?: string;
  /** While it fires, other alerts of the same component and of those that use it are not sent: they follow from it. */
  cause?: true;
  /** One line; Prometheus' templates such as `{{ $labels.service }}` are filled in. */
  summary: string;
  /** For the runbook: what it means, in a sentence or two. */
  meaning: string;
  /** The first command to type. */
  command: string;
}

export interface DashboardQuery {
  /** PromQL, or LogQL in a panel of logs. Variables are written `$service`. */
  expr: string;
  /** Name of a series: `{{service}}`. */
  legend?: string;
}

export interface DashboardPanel {
  title: string;
  /** What to read out of it, shown as the panel's help. */
  about?: string;
  kind: "timeseries" | "stat" | "gauge" | "table" | "bargauge" | "logs";
  /** Grafana's unit id: `s`, `bytes`, `percentunit`, `reqps`, `short`, `dateTimeFromNow`. */
  unit?: string;
  queries: DashboardQuery[];
  /** Value from which on it is yellow, then red; `below` where smaller is worse. */
  thresholds?: { warning?: number; critical: number; below?: true };
  stacked?: true;
  /** Columns of 24; 8 when left out. Rows of 30 pixels; 8 when left out. */
  width?: number;
  height?: number;
  min?: number;
  max?: number;
}

export interface DashboardVariable {
  name: string;
  label: string;
  /** Values of a label: `label_values(metric, label)`. */
  query: string;
  several?: true;
}

/** A dashboard without anything of Grafana's format in it. */
export interface Dashboard {
  /** Part of its address and its file: lower-case letters, digits and `-`. */
  uid: string;
  title: string;
  about: string;
  variables?: DashboardVariable[];
  panels: DashboardPanel[];
}

/** A server that Grafana asks. */
export interface GrafanaSource {
  /** Fixed, so that dashboards can name it. */
  uid: string;
  name: string;
  type: "prometheus" | "loki" | "elasticsearch" | "alertmanager";
  url: string;
  /** Network on which Grafana reaches it. */
  network: string;
  /** With a login: user name and the secret with its password. */
  login?: { user: string; password: string };
  /** Settings of Grafana's `jsonData`. */
  settings?: Record<string, unknown>;
}

/** A page for people that `./prod.sh open` leads to. */
export interface Console {
  /** The word after `open`: `grafana`. */
  name: string;
  component: string;
  about: string;
  service: string;
  port: number;
  /** Network on which the host reaches the container where there is no public address. */
  network: string;
  /** Public host name; undefined: reached through an ssh tunnel. */
  host?: string;
  path: string;
  /** Who logs in: name and the secret with the password. */
  login?: { user: string; password: string };
}

/** Where the supervisor asks for what monitoring knows. Undefined in the model: the stack has no monitoring. */
export interface Monitoring {
  component: string;
  prometheus: { service: string; port: number };
  alertmanager: { service: string; port: number };
}

/** A receiver that takes everything, or only what is critical. */
interface Selective {
  only?: "critical";
}

export interface SlackReceiver extends Selective {
  /** Secret with the address of an incoming webhook. */
  webhook: string;
}

export interface EmailReceiver extends Selective {
  to: string[];
  from: string;
  /** Mail server. */
  host: string;
  port: number;
  /** `starttls`: required; `implicit`: TLS from the first byte; `none`: only for a server on this host or network. */
  tls: "starttls" | "implicit" | "none";
  user?: string;
  /** Secret with the password. */
  password?: string;
}

export interface PagerdutyReceiver extends Selective {
  /** Secret with the routing key of an Events API v2 integration. */
  key: string;
  /** Address of the events API. */
  url: string;
}

export interface WebhookReceiver extends Selective {
  /** Secret with the address; gets Alertmanager's JSON. */
  url: string;
}

/** `notify:` of stack.yaml: who is told. Empty: nobody. */
export interface NotifySettings {
  slack?: SlackReceiver;
  email?: EmailReceiver;
  pagerduty?: PagerdutyReceiver;
  webhook?: WebhookReceiver;
  /** Secret with an address that is requested as long as all is well; whoever waits for it raises the alarm. */
  heartbeat?: string;
}
