import type { RuleCases } from "../../support/rule-cases.ts";

const from = 'job="traefik",component="traefik",instance="traefik:8082"';
const requests = (code: number, values: string, service = "web@file") => ({
  [`traefik_service_requests_total{${from},code="${code}",method="GET",protocol="http",service="${service}"}`]: values,
});

/** `all` requests a minute, of which `quick` take less than a second and all less than two. */
function durations(quick: number, all = 100, service = "web@file", protocol = "http"): Record<string, string> {
  const labels = `${from},code="200",method="GET",protocol="${protocol}",service="${service}"`;
  const series = (name: string, step: number) => ({
    [`traefik_service_request_duration_seconds_${name}`]: `0+${step}x40`,
  });
  return {
    ...series(`bucket{${labels},le="1"}`, quick),
    ...series(`bucket{${labels},le="2"}`, all),
    ...series(`bucket{${labels},le="+Inf"}`, all),
    ...series(`count{${labels}}`, all),
  };
}

const connections = (values: string, entrypoint = "websecure") => ({
  [`traefik_open_connections{${from},service="traefik",entrypoint="${entrypoint}",protocol="TCP"}`]: values,
});

const up = (values: string) => ({ [`up{${from},service="traefik"}`]: values });

export const cases: RuleCases = {
  TraefikDown: {
    fires: { series: up("1x3 0x5"), at: "6m", labels: { component: "traefik", cause: "true" } },
    silent: { series: up("1x3 0 1x5"), at: "4m" },
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
      { series: { ...requests(200, "0+992x30"), ...requests(502, "0+8x30") }, at: "15m" },
      { series: { ...requests(200, "0+50x30"), ...requests(404, "0+50x30") }, at: "15m" },
      // One in four minutes, at night, when there are not many more.
      { series: { ...requests(200, "0+1x30"), ...requests(500, "0x3 1x3 2x3 3x3 4x3 5x3") }, at: "20m" },
      // While the app was made anew.
      { series: { ...requests(200, "0+100x30"), ...requests(502, "0x10 90x20") }, at: "13m" },
    ],
  },
  RequestsSlow: {
    fires: { series: durations(95), at: "20m", labels: { service: "web", component: "web" } },
    silent: [
      { series: durations(100), at: "20m" },
      // Just now.
      { series: durations(95), at: "8m" },
      // Too few to say so.
      { series: durations(1, 3), at: "20m" },
      { series: durations(95, 100, "web@file", "websocket"), at: "20m" },
      // Uploads take as long as their sender's line needs.
      { series: durations(5, 100, "minio@file"), at: "20m" },
    ],
  },
  TraefikConnectionsHigh: {
    fires: { series: connections("4500x10"), at: "8m" },
    silent: [
      { series: connections("3500x10"), at: "8m" },
      { series: connections("10x5 4500x3 10x5"), at: "8m" },
      { series: connections("4500x10", "internal"), at: "8m" },
    ],
  },
};
