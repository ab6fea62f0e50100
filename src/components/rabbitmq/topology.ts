import { didYouMean } from "../../support/suggest.ts";
import type { OptionProblem } from "../component.ts";
import { placed, type QueueOptions, type RabbitmqOptions } from "./options.ts";

type Declared = Pick<RabbitmqOptions, "queues" | "exchanges" | "bindings">;

/** Policies that the set-up makes, and removes when stack.yaml does not know them any more, begin with this. */
export const policyPrefix = "stack:";

/**
 * Lines for the set-up: method, path below /api/, JSON. Declaring again what is there does nothing; the server refuses to
 * change the type of a queue. What may change later (limits, dead letters) is a policy and not an argument of the queue,
 * so that an app may declare the queue without knowing of it.
 */
export function topologyLines({ queues, exchanges, bindings }: Declared): string {
  const lines = [
    ...Object.entries(exchanges).map(([text, type]) => {
      const { vhost, name } = placed(text);
      return ["PUT", `exchanges/${vhost}/${name}`, { type, durable: true }] as const;
    }),
    ...Object.entries(queues).flatMap(([text, queue]) => {
      const { vhost, name } = placed(text);
      const limits = limitsOf(queue);
      return [
        ["PUT", `queues/${vhost}/${name}`, { durable: true, arguments: { "x-queue-type": queue.type } }] as const,
        ...(Object.keys(limits).length === 0 ? [] : [policyLine(vhost, name, limits)]),
      ];
    }),
    ...bindings.map(({ from, to, key }) => {
      const [source, target] = [placed(from), placed(to)];
      return ["POST", `bindings/${source.vhost}/e/${source.name}/q/${target.name}`, { routing_key: key }] as const;
    }),
  ];
  return lines.map(([method, path, body]) => `${method} ${path} ${JSON.stringify(body)}\n`).join("");
}

function policyLine(vhost: string, queue: string, definition: Record<string, unknown>) {
  const body = { pattern: `^${queue.replaceAll(".", "\\.")}$`, "apply-to": "queues", priority: 0, definition };
  return ["PUT", `policies/${vhost}/${policyPrefix}${queue}`, body] as const;
}

function limitsOf({ deadLetter, deliveryLimit, maxLength, ttl }: QueueOptions): Record<string, string | number> {
  return {
    ...(deadLetter !== undefined && { "dead-letter-exchange": "", "dead-letter-routing-key": deadLetter }),
    ...(deliveryLimit !== undefined && { "delivery-limit": deliveryLimit }),
    // Refused, so that the publisher knows; the server's own choice is to throw the oldest away.
    ...(maxLength !== undefined && { "max-length": maxLength, overflow: "reject-publish" }),
    ...(ttl !== undefined && { "message-ttl": ttl }),
  };
}

/** Queues that get what others give up, by virtual host. */
export function deadLetterQueues({ queues }: Pick<Declared, "queues">): { vhost: string; name: string }[] {
  const all = Object.entries(queues).flatMap(([text, { deadLetter }]) =>
    deadLetter === undefined ? [] : [`${placed(text).vhost}/${deadLetter}`],
  );
  return [...new Set(all)].map(placed);
}

/** Names that lead nowhere, and what a kind of queue cannot do. */
export function topologyProblems({ queues, exchanges, bindings }: Declared): OptionProblem[] {
  const full = (text: string) => `${placed(text).vhost}/${placed(text).name}`;
  const known = { queues: Object.keys(queues).map(full), exchanges: Object.keys(exchanges).map(full) };
  const missing = (path: OptionProblem["path"], name: string, of: "queues" | "exchanges"): OptionProblem[] =>
    known[of].includes(name)
      ? []
      : [{ path, message: `"${name}" is not among the ${of}`, hint: hintFor(name, known[of], of) }];
  return [
    ...Object.entries(queues).flatMap(([text, queue]) => {
      const { deadLetter, deliveryLimit } = queue;
      const path = ["queues", text];
      return [
        ...(deadLetter === undefined
          ? []
          : missing([...path, "deadLetter"], `${placed(text).vhost}/${deadLetter}`, "queues")),
        ...(deadLetter === placed(text).name
          ? [{ path: [...path, "deadLetter"], message: `${text} cannot take its own dead letters` }]
          : []),
        ...(queue.type === "stream" && Object.keys(limitsOf(queue)).length > 0
          ? [{ path, message: `${text} is a stream, which has neither dead letters nor such limits` }]
          : []),
        ...(queue.type === "classic" && deliveryLimit !== undefined
          ? [{ path: [...path, "deliveryLimit"], message: "only quorum queues count deliveries" }]
          : []),
      ];
    }),
    ...bindings.flatMap(({ from, to }, index) => {
      const path = ["bindings", index];
      if (placed(from).vhost !== placed(to).vhost)
        return [
          { path, message: `${from} and ${to} are in different virtual hosts, between which nothing can be bound` },
        ];
      return [...missing([...path, "from"], full(from), "exchanges"), ...missing([...path, "to"], full(to), "queues")];
    }),
  ];
}

function hintFor(name: string, known: readonly string[], of: string): string {
  return known.length === 0 ? `add it under ${of}` : didYouMean(name, known);
}
