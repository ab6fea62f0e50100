import type { Message } from "../../src/notify/message.ts";

/** A message about a service that is down, at noon. */
export function message(parts: Partial<Message> = {}): Message {
  return {
    stack: "shop",
    name: "ServiceDown",
    severity: "critical",
    component: "web",
    service: "web-1",
    title: "web-1 is unhealthy: <connect refused> & gone",
    lines: ["Down with it: client"],
    command: "./prod.sh logs web-1 --tail 50",
    state: "firing",
    key: "service/web-1",
    at: Date.parse("2026-11-21T12:00:10Z"),
    ...parts,
  };
}

/** The same, over. */
export function recovery(): Message {
  return message({ state: "resolved", endedAt: Date.parse("2026-11-21T12:30:00Z") });
}
