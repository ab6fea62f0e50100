/** Network over which Alertmanager reaches those who are told; nothing else is on it. */
export const alertsNetwork = "alerts";

/** Services of the monitoring, with the ports that they listen on inside the stack. */
export const parts = {
  prometheus: { service: "prometheus", port: 9090 },
  alertmanager: { service: "alertmanager", port: 9093 },
  nodeExporter: { service: "node-exporter", port: 9100 },
  blackbox: { service: "blackbox", port: 9115 },
  cadvisor: { service: "cadvisor", port: 8080 },
} as const;

export const volumes = { prometheus: "prometheus-data", alertmanager: "alertmanager-data" } as const;

/** Address inside the stack. */
export function addressOf({ service, port }: { service: string; port: number }): string {
  return `${service}:${port}`;
}
