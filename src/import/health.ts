import { formatDuration } from "../support/units.ts";
import type { ReadHealth } from "./read-service.ts";

/** `health:` of stack.yaml for a health check of Compose. Where it only asks a path of the service's own port: that path. */
export function healthSection(health: ReadHealth, port: number | undefined): unknown {
  const [kind, ...words] = health.test;
  const timing = {
    ...(health.interval !== undefined && { interval: formatDuration(health.interval) }),
    ...(health.timeout !== undefined && { timeout: formatDuration(health.timeout) }),
    ...(health.startPeriod !== undefined && health.startPeriod > 0 && { startup: formatDuration(health.startPeriod) }),
    ...(health.retries !== undefined && { retries: Math.min(100, Math.max(1, Math.round(health.retries))) }),
  };
  const path = pathAsked(words.join(" "), port);
  if (path !== undefined) return Object.keys(timing).length === 0 ? path : { path, ...timing };
  return { exec: kind === "CMD-SHELL" ? ["sh", "-c", words.join(" ")] : words, ...timing };
}

/** The path, where a check is nothing but one request to this port. */
function pathAsked(line: string, port: number | undefined): string | undefined {
  const match =
    /^(?:curl|wget)(?: +-{1,2}[\w-]+(?:=\S+)?| +\/dev\/null| +-)* +["']?http:\/\/(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::(\d+))?(\/[A-Za-z0-9._~%+=@&?/-]*)?["']?(?: *-{1,2}[\w-]+| *-)*(?: *\|\| *(?:exit 1|false))?$/.exec(
      line.trim(),
    );
  if (match === null || port === undefined || Number(match[1] ?? 80) !== port) return undefined;
  return match[2] ?? "/";
}
