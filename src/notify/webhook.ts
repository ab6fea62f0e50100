import { createHash } from "node:crypto";
import { post, type Sending } from "./attempts.ts";
import type { Message } from "./message.ts";

/** Posts a JSON document. Rejects where it was not taken; the message does not hold the address. */
export async function sendWebhook(address: string, document: object, sending: Sending): Promise<void> {
  await post(address, document, sending, ({ status }) => new Error(`the report was answered with ${status}`));
}

/** What Alertmanager writes for a time that has not come. */
const never = "0001-01-01T00:00:00Z";

/**
 * A message as Alertmanager posts alerts to a webhook (version 4 of its document), so that one receiver understands both.
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
export function alertDocument(message: Message): object {
  const { state, key, name, stack, severity, component, service, title, lines, command, at, endedAt } = message;
  const labels = {
    alertname: name,
    severity,
    stack,
    ...(component !== undefined && { component }),
    ...(service !== undefined && { service }),
  };
  const annotations = {
    summary: title,
    ...(lines.length > 0 && { description: lines.join("\n") }),
    ...(command !== undefined && { command }),
  };
  return {
    version: "4",
    groupKey: `${stack}/${key}`,
    truncatedAlerts: 0,
    status: state,
    receiver: "webhook",
    groupLabels: { stack, ...(component !== undefined && { component }) },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: "",
    alerts: [
      {
        status: state,
        labels,
        annotations,
        startsAt: new Date(at).toISOString(),
        endsAt: endedAt === undefined ? never : new Date(endedAt).toISOString(),
        generatorURL: "",
        fingerprint: createHash("sha256").update(`${stack}/${key}`).digest("hex").slice(0, 16),
      },
    ],
  };
}
