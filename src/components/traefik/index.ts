import type { SecretFile } from "../../stack/model.ts";
import type { Component } from "../component.ts";
import { networkOfScrapes } from "../monitored.ts";
import { alertRules } from "./alerts.ts";
import { certificateSecrets, checkCertificateOptions, isLocal } from "./certificates.ts";
import { dashboard } from "./dashboard.ts";
import { configFiles } from "./files.ts";
import { scrapeOf } from "./metrics.ts";
import { options, type TraefikOptions } from "./options.ts";
import { checkRoutes, finishRoute, wantedRoutes } from "./routes.ts";
import { acmeVolume, setupService, traefikService } from "./service.ts";

export const component: Component<TraefikOptions> = {
  type: "traefik",
  about: "the way in: HTTPS with certificates, routes to the services",
  offersNothing: true,
  options,
  contribute(chosen, use) {
    const volume = acmeVolume(use.key);
    return {
      networks: [
        { name: "public", about: "the way in from the internet and out to it, for Traefik alone", internal: false },
        { name: "edge", about: "Traefik and the services that it passes requests to", internal: true },
        ...(use.monitored ? [networkOfScrapes] : []),
      ],
      ...(use.monitored && { scrapes: [scrapeOf(use.key)], dashboards: [dashboard(use.key, use.thresholds)] }),
      ...(chosen.acme && {
        volumes: [{ name: volume, about: "certificates and the ACME account; to lose it means to ask for all again" }],
        dataSources: [{ name: volume, kind: "volume", service: use.key, volume, consistency: { kind: "live" } }],
      }),
      problems: [...checkCertificateOptions(chosen), ...checkTrust(chosen)],
    };
  },
  collect(chosen, use, all) {
    const wanted = wantedRoutes(all);
    const routes = wanted.map((route) => finishRoute(route, chosen));
    const localHosts = localHostsOf(chosen, routes);
    const secrets = [...certificateSecrets(chosen, localHosts), ...dashboardSecrets(chosen)];
    const mounted = secrets.flatMap((file) => (file.kind === "certificate" ? [file.name, file.keyName] : [file.name]));
    return {
      services: [...(chosen.acme ? [setupService(use.key)] : []), traefikService(chosen, use, mounted)],
      secrets,
      files: configFiles(chosen, use, { uploads: wanted.some((route) => route.uploads === true), localHosts }),
      routes,
      ...(use.monitored && { alertRules: alertRules(use.key, use.thresholds, wanted) }),
      problems: checkRoutes(wanted, chosen),
    };
  },
};

/** Hosts that the stack's own authority certifies, in the order of the alphabet so that a moved line changes nothing. */
function localHostsOf(chosen: TraefikOptions, routes: readonly { host: string; certificate?: unknown }[]): string[] {
  const hosts = routes.map((route) => route.host);
  if (chosen.dashboard) hosts.push(chosen.dashboard.host);
  const others = chosen.acme === undefined && (chosen.certificates ?? "local") === "local";
  return [...new Set(hosts.filter((host) => others || isLocal(host)))].sort();
}

function dashboardSecrets({ dashboard }: TraefikOptions): SecretFile[] {
  if (!dashboard) return [];
  const about = "who may see the dashboard: lines of user:hash, made by `htpasswd -nB <user>`";
  return [{ name: dashboard.users, about, mode: 0o444, kind: "supplied" }];
}

function checkTrust({ proxyProtocol, trust }: TraefikOptions) {
  if (!proxyProtocol || (trust !== undefined && trust !== "cloudflare")) return [];
  return [
    {
      path: ["proxyProtocol"],
      message: "the PROXY protocol is taken from proxies whose addresses are known alone",
      hint: "list them: trust: [10.0.0.0/8]",
    },
  ];
}
