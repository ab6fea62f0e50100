import type { RuleCases } from "../../support/rule-cases.ts";

const from = 'job="traefik",component="traefik",instance="traefik:8082"';
const requests = (code: number, values: string, service = "web@file") => ({
  [`traefik_service_requests_total{${from},code="${code}",method="GET",protocol="http",service="${service}"}`]: values,
});

/** A hundred requests a minute, of which `quick` take less than a second and all less than five. */
function durations(quick: number, service = "web@file", protocol = "http"): Record<string, string> {
  const labels = `${from},code="200",method="GET",protocol="${protocol}",service="${service}"`;
  const series = (name: string, step: number) => ({
    [`traefik_service_request_duration_seconds_${name}`]: `0+${step}x40`,
  });
  return {
    ...series(`bucket{${labels},le="1"}`, quick),
    ...series(`bucket{${labels},le="5"}`, 100),
    ...series(`bucket{${labels},le="+Inf"}`, 100),
    ...series(`count{${labels}}`, 100),
  };
}

const connections = (values: string, entrypoint = "websecure") => ({
  [`traefik_open_connections{${from},service="traefik",entrypoint="${entrypoint}",protocol="TCP"}`]: values,
});

const up = (values: string) => ({ [`up{${from},service="traefik"}`]: values });

export const cases: RuleCases = {
  TraefikDown: {
    fires: { series: up("1x3 0x5"), at: "6m", labels: { component: "traefik", cause: "true" } },
    silent: { series: up("1x3 0 1x5"), at: "6m" },
  },
  RequestsFail: {
    fires: [
      // Two of a hundred.
      {
        series: { ...requests(200, "0+98x30"), ...requests(502, "0+2x30") },
        at: "15m",
        labels: { service: "web", component: "web" },
      },
      // All of a few, at night; a service with several ports.
      { series: requests(500, "0+1x30", "web.3000@file"), at: "15m", labels: { service: "web", component: "web" } },
    ],
    silent: [
      { series: { ...requests(200, "0+995x30"), ...requests(502, "0+5x30") }, at: "15m" },
      { series: { ...requests(200, "0+50x30"), ...requests(404, "0+50x30") }, at: "15m" },
      // One of four within five minutes.
      { series: { ...requests(200, "0x10 3x20"), ...requests(500, "0x10 1x20") }, at: "15m" },
    ],
  },
  RequestsSlow: {
    fires: { series: durations(95), at: "20m", labels: { service: "web", component: "web" } },
    silent: [
      { series: durations(100), at: "20m" },
      { series: durations(95, "web@file", "websocket"), at: "20m" },
      // Uploads take as long as their sender's line needs.
      { series: durations(5, "minio@file"), at: "20m" },
    ],
  },
  TraefikConnectionsHigh: {
    fires: { series: connections("4500x10"), at: "8m" },
    silent: [
      { series: connections("3500x10"), at: "8m" },
      { series: connections("4500x10", "internal"), at: "8m" },
    ],
  },
};
