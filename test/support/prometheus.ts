/** What a test asks Prometheus and Alertmanager; both answer at an address of their container. */
export interface PrometheusClient {
  /** Value of each series of an expression, by its labels as text: `{component="web"}`. */
  query(expression: string): Promise<Record<string, number>>;
  /** `postgres up`, `redis down: connection refused`, each job once for each target. */
  targets(): Promise<string[]>;
  /** Every alert rule with how it went when it was looked at last: `ok`, `err`, `unknown`. */
  rules(): Promise<{ name: string; health: string; lastError?: string; state: string; query: string }[]>;
  /** Names of alerts that are firing, with the component: `ServiceDown web`. */
  firing(): Promise<string[]>;
  /** The same with those that fire soon if nothing changes. */
  pending(): Promise<string[]>;
  /** Names of all metrics that there are. */
  metricNames(): Promise<string[]>;
}

interface Target {
  labels: Record<string, string>;
  health: string;
  lastError: string;
}

interface Rule {
  name: string;
  health: string;
  lastError?: string;
  state: string;
  query: string;
  type: string;
}

export function prometheusAt(address: string): PrometheusClient {
  const ask = async <Answer>(path: string): Promise<Answer> => {
    const response = await fetch(`http://${address}:9090/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
    const { data, error } = (await response.json()) as { data?: Answer; error?: string };
    if (data === undefined) throw new Error(`Prometheus: ${error}`);
    return data;
  };
  const alertsIn = async (states: readonly string[]) => {
    const { alerts } = await ask<{ alerts: { labels: Record<string, string>; state: string }[] }>("alerts");
    const found = alerts.filter(({ state }) => states.includes(state));
    return found.map(({ labels }) => `${labels.alertname} ${labels.component}`).sort();
  };
  return {
    async query(expression) {
      type Series = { metric: Record<string, string>; value: [number, string] };
      const { result } = await ask<{ result: Series[] }>(`query?query=${encodeURIComponent(expression)}`);
      return Object.fromEntries(result.map(({ metric, value }) => [labelText(metric), Number(value[1])]));
    },
    async targets() {
      const { activeTargets } = await ask<{ activeTargets: Target[] }>("targets?state=active");
      return activeTargets
        .map(({ labels, health, lastError }) => `${labels.job} ${health}${lastError === "" ? "" : `: ${lastError}`}`)
        .sort();
    },
    async rules() {
      const { groups } = await ask<{ groups: { rules: Rule[] }[] }>("rules?type=alert");
      return groups.flatMap(({ rules }) => rules);
    },
    firing: () => alertsIn(["firing"]),
    pending: () => alertsIn(["firing", "pending"]),
    metricNames: () => ask<string[]>("label/__name__/values"),
  };
}

function labelText(metric: Record<string, string>): string {
  const pairs = Object.entries(metric)
    .filter(([name]) => name !== "__name__")
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${pairs.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(",")}}`;
}
