import { plainText } from "../../stack/secret-text.ts";
import type { ContributionOf, OptionProblem } from "../component.ts";
import type { NginxOptions } from "./options.ts";

/** The containers of an app among which requests are shared. */
export interface UpstreamGroup {
  name: string;
  service: string;
  port: number;
  /** nginx' word for the way of sharing; undefined: in turn. */
  balance?: "least_conn" | "ip_hash";
}

/** A path whose requests go to a group. */
export interface ProxiedPath {
  /** Without a slash at its end; empty is everything. */
  path: string;
  group: string;
  /** Seconds. */
  timeout: number;
  strip: boolean;
}

/** What the `upstreams:` come to, by what the apps of the stack offer. */
export function planUpstreams(key: string, options: NginxOptions, all: readonly ContributionOf[]) {
  const groups: UpstreamGroup[] = [];
  const paths: ProxiedPath[] = [];
  const problems: OptionProblem[] = [];
  for (const [path, { app, balance, timeout, strip }] of Object.entries(options.upstreams)) {
    const address = addressOf(key, app, all);
    if (address === undefined) {
      problems.push({
        path: ["upstreams", path],
        message: `${app} is no app with a port, so ${key} cannot pass requests on to it`,
        hint: `name an app with port: there, or give ${app} one if it is an app`,
      });
      continue;
    }
    const name = balance === "round-robin" ? app : `${app}-${balance}`;
    const word = balance === "round-robin" ? undefined : balance === "ip-hash" ? "ip_hash" : "least_conn";
    if (!groups.some((group) => group.name === name)) groups.push({ name, ...address, ...(word && { balance: word }) });
    paths.push({
      path: bare(path),
      group: name,
      timeout: Math.max(1, Math.round(timeout / 1_000)),
      strip,
    });
  }
  return { groups, paths, problems };
}

/** Where an app listens, by the address that it offers to those who use it. */
function addressOf(
  key: string,
  app: string,
  all: readonly ContributionOf[],
): { service: string; port: number } | undefined {
  const owner = all.find((candidate) => candidate.key === app && ["app", "nginx"].includes(candidate.type));
  const connection = owner?.contribution.connections?.find((offered) => offered.app === key);
  const [url] = Object.values(connection?.variables ?? {});
  if (url === undefined) return undefined;
  const { hostname, port } = new URL(plainText(url));
  return { service: hostname, port: Number(port || 80) };
}

/** Paths that two parts of the options claim, and parts that exclude each other. */
export function checkPaths(key: string, options: NginxOptions): OptionProblem[] {
  const paths = Object.keys(options.upstreams);
  return [
    ...paths.flatMap((path, index) => {
      const isSecond = paths.findIndex((other) => bare(other) === bare(path)) < index;
      return isSecond
        ? [{ path: ["upstreams", path], message: `${path} stands there twice`, hint: "remove one of them" }]
        : [];
    }),
    ...siteProblems(key, options),
    ...cacheProblems(options),
    ...fallbackProblems(key, options),
  ];
}

function bare(path: string): string {
  return path.replace(/\/+$/, "");
}

function siteProblems(key: string, { site, upstreams }: NginxOptions): OptionProblem[] {
  const hasRoot = Object.keys(upstreams).some((path) => bare(path) === "");
  if (site !== false && hasRoot)
    return [
      {
        path: ["upstreams", "/"],
        message: `the path / of ${key} goes to an app, and is its site as well`,
        hint: "write site: false, or give the app a path such as /api",
      },
    ];
  if (site !== false || hasRoot) return [];
  return [
    {
      path: ["site"],
      message: `without a site ${key} needs an app for the path /`,
      hint: "remove site: false, or add upstreams: { /: your-app }",
    },
  ];
}

function cacheProblems({ site, upstreams }: NginxOptions): OptionProblem[] {
  const proxied = Object.keys(upstreams).map(bare);
  return Object.keys(site === false ? {} : site.cache).flatMap((path) => {
    const at = ["site", "cache", path];
    if (bare(path) === "")
      return [
        {
          path: at,
          message: "with / browsers would keep the whole site, and see no change of it",
          hint: "name the folder of what has a hash in its name, such as /assets",
        },
      ];
    if (!proxied.includes(bare(path))) return [];
    return [
      {
        path: at,
        message: `${path} goes to an app, which says itself how long its answers are kept`,
        hint: "remove it from cache",
      },
    ];
  });
}

function fallbackProblems(key: string, { site, routes }: NginxOptions): OptionProblem[] {
  const fallback = site === false ? undefined : site.fallback;
  return routes.flatMap(({ path }, index) => {
    if (fallback === undefined || fallback.startsWith(path)) return [];
    return [
      {
        path: ["routes", index],
        message: `only what begins with ${path} comes to ${key}, and its fallback ${fallback} does not`,
        hint: `put the files into a folder ${path.slice(1)} of the site, and write fallback: ${bare(path)}${fallback}`,
      },
    ];
  });
}
