import type { ConfigFile } from "../../stack/model.ts";
import { formatDuration } from "../../support/units.ts";
import type { ComponentUse } from "../component.ts";
import { certificateOf, local, resolver, suppliedFiles } from "./certificates.ts";
import { metricsAddress } from "./metrics.ts";
import { directoryOf, type TraefikOptions } from "./options.ts";
import { trustedRanges } from "./trusted.ts";

const minute = 60_000;

/** What the files depend on beyond the options. */
export interface Surroundings {
  /** Some route takes large uploads. */
  uploads: boolean;
  localHosts: readonly string[];
}

/** Traefik's settings and the part of routes/ that does not change with a deploy. */
export function configFiles(options: TraefikOptions, use: ComponentUse, around: Surroundings): ConfigFile[] {
  return [
    {
      path: `config/${use.key}/traefik.yml`,
      content: use.template("traefik/traefik.yml.hbs", staticValues(options, use, around)),
      mode: 0o644,
    },
    // No service is named with an underscore, so no route file takes this name.
    {
      path: "routes/_common.yml",
      content: use.template("traefik/_common.yml.hbs", commonValues(options, around)),
      mode: 0o644,
    },
  ];
}

function staticValues(options: TraefikOptions, use: ComponentUse, around: Surroundings): Record<string, unknown> {
  const { ports, timeouts, acme } = options;
  return {
    service: use.key,
    metrics: use.monitored && metricsAddress(use),
    // The name leads to the entry point's own port; a host port other than 443 must be said.
    redirectTo: ports.https === 443 ? "websecure" : `:${ports.https}`,
    httpsPort: ports.https,
    http3: options.http3,
    encodedSlash: options.encodedSlash,
    readTimeout: formatDuration(timeouts.read ?? (around.uploads ? 360 * minute : 10 * minute)),
    idleTimeout: formatDuration(timeouts.idle),
    trusted: trustedRanges(options.trust),
    proxyProtocol: options.proxyProtocol,
    dashboard: options.dashboard !== undefined,
    acme: acme && {
      resolver,
      email: JSON.stringify(acme.email),
      caServer: JSON.stringify(directoryOf(acme)),
      caCertificate: acme.caCertificate ?? false,
      storage: `/acme/${storageName(acme)}.json`,
      http: acme.challenge === "http",
      tls: acme.challenge === "tls",
      provider: acme.challenge === "dns" && (acme.provider ?? false),
    },
  };
}

/** One file per authority: test certificates must not stay in use when the real ones are asked for. */
function storageName(acme: NonNullable<TraefikOptions["acme"]>): string {
  if (acme.caServer !== undefined) return new URL(acme.caServer).host.replace(/[^a-z0-9.-]/g, "_");
  return acme.staging ? "letsencrypt-staging" : "letsencrypt";
}

function commonValues(options: TraefikOptions, around: Surroundings): Record<string, unknown> {
  const { hsts } = options;
  const year = 365 * 24 * 60 * minute;
  const { maxAge, subdomains, preload } =
    typeof hsts === "object" ? hsts : { maxAge: year, subdomains: false, preload: false };
  return {
    frameOptions: { "same-site": "SAMEORIGIN", deny: "DENY", app: false }[options.frames],
    hsts: hsts !== false && { seconds: Math.round(maxAge / 1_000), subdomains, preload },
    rateLimit: options.rateLimit,
    trusted: trustedRanges(options.trust),
    maxBody: options.maxBody ?? false,
    dashboard: options.dashboard ? dashboardValues(options, options.dashboard) : false,
    certificates: [
      ...suppliedFiles(options),
      ...(around.localHosts.length > 0 ? [{ certificate: local.certificate, key: local.key }] : []),
    ],
  };
}

function dashboardValues(options: TraefikOptions, dashboard: NonNullable<TraefikOptions["dashboard"]>) {
  const certificate = certificateOf(dashboard.host, options);
  return {
    ...dashboard,
    hsts: options.hsts !== false && certificate?.kind !== "local",
    tls: certificate?.kind === "acme" ? `{ certResolver: ${certificate.resolver} }` : "{}",
  };
}
