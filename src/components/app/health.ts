import type { HardeningException, Healthcheck } from "../../stack/service.ts";
import type { AppOptions } from "./options.ts";

type Check = Partial<Healthcheck> & { test: string[] };

/**
 * The app's health check. Which HTTP client an image has cannot be known before it is pulled, so the check takes the
 * first of the usual ones; where there is none its output says so, and the gate shows that.
 */
export function healthcheckOf(options: AppOptions): { healthcheck?: Check; exceptions: HardeningException[] } {
  const { health, port } = options;
  if (health !== undefined) {
    const timing =
      "interval" in health
        ? { interval: health.interval, timeout: health.timeout, startPeriod: health.startup, retries: health.retries }
        : { startPeriod: 60_000 };
    if ("exec" in health) return { healthcheck: { test: ["CMD", ...health.exec], ...timing }, exceptions: [] };
    if (port !== undefined)
      return { healthcheck: { test: ["CMD-SHELL", httpCheck(port, health.path)], ...timing }, exceptions: [] };
  }
  if (port !== undefined)
    return { healthcheck: { test: ["CMD-SHELL", listeningCheck(port)], startPeriod: 60_000 }, exceptions: [] };
  return {
    exceptions: [
      { rule: "healthcheck", reason: "a worker without health: in stack.yaml; only its running is watched" },
    ],
  };
}

function httpCheck(port: number, path: string): string {
  const url = `http://127.0.0.1:${port}${path}`;
  const node = `fetch("${url}").then((r) => process.exit(r.ok ? 0 : 1), (e) => { console.log(e.cause ?? e); process.exit(1) })`;
  return [
    `if command -v curl >/dev/null; then curl -fsS -o /dev/null '${url}'`,
    `elif command -v wget >/dev/null; then wget -q -O /dev/null '${url}'`,
    `elif command -v node >/dev/null; then node -e '${node}'`,
    `elif command -v python3 >/dev/null; then python3 -c 'import urllib.request; urllib.request.urlopen("${url}")'`,
    "else echo 'no curl, wget, node or python3 in this image: use health: { exec: [...] }'; exit 1",
    "fi || exit 1",
    "",
  ].join("\n");
}

/** True when something listens on the port. The kernel's own table needs no client in the image. */
function listeningCheck(port: number): string {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return `cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -Eq ':${hex} [0-9A-F]+:0000 0A' || { echo nothing listens on port ${port}; exit 1; }`;
}
