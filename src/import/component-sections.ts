import { composeSize, parseSize } from "../support/units.ts";
import { isUnpinned, type KnownImage } from "./images.ts";
import { withoutUnset } from "./interpolate.ts";
import type { Findings, Part } from "./part.ts";
import type { ReadService } from "./read-service.ts";

type Section = Record<string, unknown>;

interface Converted {
  section: Section;
  details: string[];
}

type Convert = (part: Part, others: readonly Part[], findings: Findings) => Converted;

/** How the section of each known server follows from the old service; a type that is not here begins with its defaults. */
const converters: Record<string, Convert> = {
  postgres,
  redis,
  valkey: redis,
  minio,
  traefik,
  elk,
  rabbitmq,
  monitoring: (part, _, findings) =>
    replaced(
      part,
      findings,
      "Prometheus with alert rules and exporters for this stack",
      "its scrape jobs, rules and receivers; an app's own metrics come with metrics: /metrics at the app, receivers with notify:",
    ),
  grafana: (part, _, findings) =>
    replaced(part, findings, "Grafana with the dashboards of this stack", "its data sources, dashboards and users"),
  loki: (part, _, findings) =>
    replaced(part, findings, "Loki with the logs of every service of this stack", "its settings"),
};

/** A server that the stack brings for itself, set up by its own configuration. */
function replaced({ service }: Part, findings: Findings, is: string, lost: string): Converted {
  findings.notFixed.push({ service: service.name, what: `not taken over: ${lost}` });
  return { section: {}, details: [is] };
}

/** Section of stack.yaml for a server that the catalogue knows. */
export function convertComponent(part: Part, others: readonly Part[], findings: Findings): Converted {
  const { section, details } = converters[part.type]?.(part, others, findings) ?? { section: {}, details: [] };
  const limits = limitsOf(part.service);
  return {
    section: { ...section, ...(limits && { limits: { ...limits, ...(section.limits as Section | undefined) } }) },
    details: [
      versionLine(part.image),
      ...(limits?.memory === undefined ? [] : [`limit: memory ${String(limits.memory)}`]),
      ...details,
    ],
  };
}

/** Limits of a Compose service as stack.yaml writes them; undefined where it has none. */
export function limitsOf({ limits }: Pick<ReadService, "limits">): Section | undefined {
  const found: Section = {
    ...(limits.cpus !== undefined && limits.cpus >= 0.01 && limits.cpus <= 512 && { cpus: limits.cpus }),
    ...(limits.memory !== undefined &&
      limits.memory >= 6 * 1024 ** 2 && { memory: composeSize(Math.round(limits.memory)) }),
    ...(limits.pids !== undefined && limits.pids >= 8 && { pids: Math.round(limits.pids) }),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}

function versionLine(image: KnownImage): string {
  const maker = /^bitnami/.test(image.short)
    ? "; Bitnami's image is no longer published freely, so the official one takes its place"
    : "";
  return `was ${image.short}:${image.tag ?? "latest"}${maker}`;
}

const newestPostgres = 18;
const oldestPostgres = 16;

function postgres({ image, environment, service }: Part, _others: readonly Part[], findings: Findings): Converted {
  const isOwnImage = /postgis|pgvector/.test(image.short);
  const { version, line } = postgresVersion(image);
  const details = [line];
  if (isUnpinned(image)) {
    const now = `version ${version}, pinned`;
    findings.fixed.push({ service: service.name, was: `image ${image.short} without a version`, now });
  }
  if (image.tag?.includes("alpine"))
    details.push("Debian's image in place of Alpine's, which sorts text differently: the dump makes new indexes");
  const database = databaseIn(environment);
  details.push(
    database === undefined
      ? "one database for each app, named like the app"
      : `database ${database}, whose role has the same name`,
  );
  if (service.mounts.some(({ target }) => target.startsWith("/docker-entrypoint-initdb.d"))) {
    const what =
      "the scripts of /docker-entrypoint-initdb.d do not run by themselves; feed what is still needed to ./prod.sh psql";
    findings.notFixed.push({ service: service.name, what });
  }
  const settings = settingsIn(service.command ?? []);
  const hasSettings = Object.keys(settings).length > 0;
  if (hasSettings) details.push(`settings: ${Object.keys(settings).join(", ")}`);
  return {
    section: {
      version,
      ...(isOwnImage && image.tag !== undefined && { image: `${image.name}:${image.tag}` }),
      ...(database !== undefined && { databases: [database] }),
      ...(hasSettings && { settings }),
    },
    details,
  };
}

function postgresVersion({ tag = "" }: KnownImage): { version: number; line: string } {
  const major = Number(/^(?:pg)?(\d+)/.exec(tag)?.[1] ?? Number.NaN);
  if (Number.isNaN(major))
    return { version: newestPostgres, line: `version ${newestPostgres} (the old one named none)` };
  const version = Math.min(newestPostgres, Math.max(major, oldestPostgres));
  const other = `version ${version} in place of ${major}, which has no component: a dump loads into it`;
  return { version, line: version === major ? `version ${version}` : other };
}

/** The database that the old server was made with, where its name can be kept. */
function databaseIn(environment: Readonly<Record<string, string>>): string | undefined {
  const names = ["POSTGRES_DB", "POSTGRESQL_DATABASE", "POSTGRES_USER", "POSTGRESQL_USERNAME"];
  const found = names.map((name) => withoutUnset(environment[name] ?? "")).find((value) => value !== "");
  const database = found?.toLowerCase() ?? "";
  const reserved = /^(postgres|template[01]|superuser|public|none|monitor|pg_.*)$/.test(database);
  return /^[a-z][a-z0-9_-]{0,62}$/.test(database) && !reserved ? database : undefined;
}

const ownSettings =
  /^(config_file|data_directory|external_pid_file|hba_file|ident_file|listen_addresses|port|unix_socket_directories|wal_level|archive_\w+|max_wal_senders|ssl\w*|shared_preload_libraries)$/;

/** `-c max_connections=200` of a command. */
function settingsIn(command: readonly string[]): Record<string, string> {
  const words = command.flatMap((word, index) =>
    word === "-c"
      ? [command[index + 1] ?? ""]
      : word.startsWith("-c")
        ? [word.slice(2).trim()]
        : word.startsWith("--")
          ? [word.slice(2).replaceAll("-", "_")]
          : [],
  );
  return Object.fromEntries(
    words.flatMap((word) => {
      const [, name = "", value = ""] = /^([a-z][a-z0-9_.]*)=(.*)$/.exec(word) ?? [];
      return name === "" || ownSettings.test(name) || value === "" ? [] : [[name, value]];
    }),
  );
}

function redis({ service, environment, image, type }: Part, _others: readonly Part[], findings: Findings): Converted {
  const words = (service.command ?? []).join(" ");
  const hasVolume = service.mounts.some(({ kind }) => kind === "volume" || kind === "bind");
  const forgets =
    !hasVolume && (/--maxmemory-policy\s+(allkeys|volatile)/.test(words) || /--save\s+(""|''|--|$)/.test(words));
  const hadPassword =
    /requirepass|masterauth/.test(words) || Object.keys(environment).some((name) => /PASSWORD/.test(name));
  if (!hadPassword)
    findings.fixed.push({
      service: service.name,
      was: "no password",
      now: "a user of its own for each app, with a password that is made",
    });
  if (isUnpinned(image))
    findings.fixed.push({
      service: service.name,
      was: `image ${image.short} without a version`,
      now: "the version of the component, pinned",
    });
  const eviction = /--maxmemory-policy\s+([a-z-]+)/.exec(words)?.[1];
  const memory = parseSize(/--maxmemory\s+(\S+)/.exec(words)?.[1]?.replace(/b$/i, "") ?? "");
  const limit = memory === undefined ? undefined : Math.max(64, Math.ceil(memory / 0.65 / 1024 ** 2));
  return {
    section: {
      ...(type === "redis" && /valkey/.test(image.short) && { engine: "valkey" }),
      profile: forgets ? "cache" : "durable",
      ...(forgets &&
        eviction !== undefined &&
        /^(allkeys-(lru|lfu|random)|volatile-(lru|lfu|random|ttl))$/.test(eviction) && { eviction }),
      ...(limit !== undefined && { limits: { memory: `${limit}m` } }),
    },
    details: [
      forgets
        ? "profile cache: it had no volume and threw keys away when full"
        : "profile durable: nothing is forgotten; where it is only a cache write profile: cache",
      ...(limit !== undefined ? [`memory ${limit}m, of which ${Math.floor(limit * 0.65)}m are for data`] : []),
    ],
  };
}

function minio({ environment, service }: Part, others: readonly Part[], findings: Findings): Converted {
  const steps = others.filter(({ role, type }) => role === "absorbed" && type === "minio");
  const words = [
    ...steps.flatMap(({ service: step }) => [...(step.entrypoint ?? []), ...(step.command ?? [])]),
    ...(service.command ?? []),
  ].join(" ");
  const made = [...words.matchAll(/\bmb\b(?:\s+-{1,2}[\w-]+)*\s+["']?[\w-]+\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/g)].map(
    ([, bucket = ""]) => bucket,
  );
  const buckets = [
    ...new Set([
      ...made,
      ...(environment.MINIO_DEFAULT_BUCKETS ?? environment.MINIO_BUCKET ?? "")
        .split(/[,:]/)
        .filter((name) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name)),
    ]),
  ].filter((name) => name !== "minio");
  findings.fixed.push({
    service: service.name,
    was: "image minio/minio, which is no longer published",
    now: "Silo, the fork that is kept up",
  });
  return {
    section: buckets.length > 0 ? { buckets } : {},
    details: [
      buckets.length > 0 ? `buckets ${buckets.join(", ")}` : "one bucket for each app, named like the app",
      "the console is not opened; ./prod.sh mc is its shell",
    ],
  };
}

function traefik({ service }: Part, _others: readonly Part[], findings: Findings): Converted {
  const words = [
    ...(service.command ?? []),
    ...Object.entries(service.environment).map(
      ([name, value]) =>
        `--${name
          .toLowerCase()
          .replace(/^traefik_/, "")
          .replaceAll("_", ".")}=${value ?? ""}`,
    ),
  ];
  const email = words
    .map((word) => /^--certificatesresolvers\.[^.]+\.acme\.email=(\S+@\S+\.\S+)$/i.exec(word)?.[1])
    .find((found) => found !== undefined);
  const provider = words
    .map((word) => /\.dnschallenge\.provider=(\S+)$/i.exec(word)?.[1])
    .find((found) => found !== undefined);
  const staging = words.some((word) => /acme-staging/.test(word));
  if (words.some((word) => /^--api\.insecure(=true)?$/.test(word)))
    findings.fixed.push({
      service: service.name,
      was: "the dashboard is open to everybody (api.insecure)",
      now: "off; dashboard: { host: … } opens it behind a login",
    });
  if (provider !== undefined)
    findings.notFixed.push({
      service: service.name,
      what: `certificates came by DNS at ${provider}: write acme: { challenge: dns, provider: ${provider}, secrets: … } in stack.yaml; now they come over HTTP`,
    });
  if (service.mounts.some(({ target, kind }) => kind === "bind" && /\.(ya?ml|toml)$|dynamic|conf/.test(target)))
    findings.notFixed.push({
      service: service.name,
      what: "its own configuration files are not taken over; routes stand at each app now",
    });
  const named = email !== undefined && !email.includes("\u0001");
  return {
    section: named ? { acme: { email, ...(staging && { staging: true }) } } : {},
    details: [
      named
        ? `certificates from Let's Encrypt for ${email}`
        : "certificates of the stack's own authority until you write acme: { email: you@example.com }",
      "it reads files in place of the Docker socket",
    ],
  };
}

function elk({ image }: Part): Converted {
  const version = /^8\b/.test(image.tag ?? "") ? 8 : 9;
  return {
    section: { version },
    details: [
      `Elasticsearch, Logstash and Kibana ${version}, for the logs of this stack; pipelines and indexes of your own are not taken over`,
    ],
  };
}

function rabbitmq({ service, environment }: Part, _others: readonly Part[], findings: Findings): Converted {
  const password = environment.RABBITMQ_DEFAULT_PASS ?? environment.RABBITMQ_PASSWORD ?? "guest";
  if (password === "guest")
    findings.fixed.push({
      service: service.name,
      was: "the login guest/guest",
      now: "a user of its own for each app, with a password that is made",
    });
  return { section: {}, details: ["a user for each app; definitions and plugins of your own are not taken over"] };
}
