import type { ConfigFile, Route } from "../../stack/model.ts";
import type { ComponentUse, ContributionOf } from "../component.ts";
import { alertmanagerValues } from "./alertmanager-config.ts";
import type { MonitoringOptions } from "./options.ts";
import type { ProbedRoute } from "./probes.ts";
import { prometheusValues, type ScrapeOf } from "./prometheus-config.ts";
import { ruleFile } from "./rule-file.ts";

/** What the files depend on beyond the options. */
export interface Surroundings {
  scrapes: readonly ScrapeOf[];
  routes: readonly ProbedRoute[];
  /** Secret with the certificate of the stack's own authority, where a route has a certificate of it. */
  authority: string | undefined;
  /** Key of the component that routes lead through. */
  edge: string | undefined;
  all: readonly ContributionOf[];
}

/** Every configuration file of the monitoring. */
export function configFiles(
  options: MonitoringOptions,
  use: ComponentUse,
  { scrapes, routes, authority, edge, all }: Surroundings,
): ConfigFile[] {
  const file = (name: string, template: string, values: Record<string, unknown>): ConfigFile => ({
    path: `config/${use.key}/${name}`,
    content: use.template(template, values),
    mode: 0o644,
  });
  const connections = all.flatMap(({ contribution }) => contribution.connections ?? []);
  return [
    file("prometheus.yml", "monitoring/prometheus.yml.hbs", prometheusValues(options, use.stack, scrapes, routes)),
    file(
      "alertmanager.yml",
      "monitoring/alertmanager.yml.hbs",
      alertmanagerValues(use.stack, use.notify, connections, edge),
    ),
    file("messages.tmpl", "monitoring/messages.tmpl.hbs", { verbatim: true }),
    ...(routes.length > 0 ? [file("blackbox.yml", "monitoring/blackbox.yml.hbs", blackboxValues(authority))] : []),
    ...ruleFiles(options, use.key, all),
  ];
}

function ruleFiles({ without }: MonitoringOptions, monitoring: string, all: readonly ContributionOf[]): ConfigFile[] {
  return all
    .map(({ key, contribution }) => ({
      key,
      rules: (contribution.alertRules ?? []).filter(({ name }) => !without.includes(name)),
    }))
    .filter(({ rules }) => rules.length > 0)
    .map(({ key, rules }) => ({
      path: `config/${monitoring}/rules/${key}.yml`,
      content: ruleFile(key, rules),
      mode: 0o644,
    }));
}

/** Answers that say that somebody is there: also that one must log in, or ask in another way. */
const statusCodes = [
  200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 406, 410, 415, 421, 422, 426, 429,
];

function blackboxValues(authority: string | undefined): Record<string, unknown> {
  const visitor = "A visitor's request; the certificate must be one that a visitor's browser trusts.";
  return {
    statusCodes: statusCodes.join(", "),
    requests: [
      { name: "route", about: visitor, authority: false },
      ...(authority === undefined
        ? []
        : [
            {
              name: "route_own_authority",
              about: "The same for names whose certificate is of the stack's own authority.",
              authority,
            },
          ]),
    ],
  };
}

/** The authority of local certificates, as a secret's name. */
export function authorityOf(routes: readonly Route[], all: readonly ContributionOf[]): string | undefined {
  if (!routes.some(({ certificate }) => certificate?.kind === "local")) return undefined;
  for (const file of all.flatMap(({ contribution }) => contribution.secrets ?? []))
    if (file.kind === "certificate" && file.hosts.some((host) => routes.some((route) => route.host === host)))
      return file.authorityName;
  return undefined;
}
