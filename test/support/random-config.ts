import fc from "fast-check";
import { stringify } from "yaml";
import { componentsInTests } from "./component-in-tests.ts";

type Section = Record<string, unknown>;

/** A valid stack as data, as it stands in stack.yaml. */
export interface RandomStack {
  name: string;
  components: Record<string, unknown>;
}

/** Words for keys: no word with a dash is the begin of another, so that derived names differ. */
const words = "amber basil cedar daisy ember fjord grape hazel iris-1 jade koala lotus-x maple nova onyx pearl".split(
  " ",
);

const mebibyte = fc.integer({ min: 128, max: 4096 }).map((count) => `${count}m`);
const seconds = fc.integer({ min: 1, max: 3600 }).map((count) => `${count}s`);
const cpus = fc.integer({ min: 1, max: 400 }).map((count) => count / 100);

/** Leaves out keys at random; what is left is what a person wrote. */
function some<Shape extends Record<string, fc.Arbitrary<unknown>>>(shape: Shape): fc.Arbitrary<Section> {
  return fc.record(shape, { requiredKeys: [] }) as fc.Arbitrary<Section>;
}

const limits = some({ cpus, memory: mebibyte, pids: fc.integer({ min: 8, max: 4096 }) });

/** Text that YAML, Compose and the shell each would like to read in their own way. */
const awkwardText = fc.oneof(
  fc
    .string({ unit: "grapheme", maxLength: 20 })
    .filter((text) => !/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(text)),
  fc.constantFrom(
    "yes",
    "no",
    "0755",
    "22:22",
    "~",
    "null",
    "1e3",
    "$HOME",
    "${X:-y}",
    "$$",
    "a: b",
    "# x",
    "- a",
    "'",
    '"',
    "\\",
    "a\nb\n",
    " x ",
    "%",
    "@a",
    "`id`",
    "*x",
    "&x",
    "!t",
    "|",
    ">",
    "{}",
    "[]",
  ),
);

const image = fc.constantFrom(
  "ghcr.io/you/app:1.4.2",
  "you/app:main",
  "registry.example.com:5000/team/app:v2",
  `ghcr.io/you/app@sha256:${"a".repeat(64)}`,
  `ghcr.io/you/app:2@sha256:${"b".repeat(64)}`,
);

const command = fc.array(awkwardText, { minLength: 1, maxLength: 4 });
const task = fc.oneof(command, fc.record({ command, timeout: seconds }));
const timing = { interval: seconds, timeout: seconds, startup: seconds, retries: fc.integer({ min: 1, max: 20 }) };
const path = fc.constantFrom("/", "/health", "/api/v1/ready?deep=1&all=true", "/~me/%2e", "/a.b-c_d@e");

/** What an app is before its neighbours are known. */
const appSeed = fc.record({
  options: some({
    connections: fc.constantFrom("env", "files"),
    metrics: fc.oneof(
      path.map((text) => text.split("?")[0]),
      fc.record({ path: fc.constant("/m"), port: fc.constant(9_100) }),
    ),
    sentry: fc.oneof(fc.constant("sentry_dsn"), fc.constant({ dsn: "sentry_dsn", environment: "staging" })),
    env: fc.dictionary(
      fc.constantFrom("MODE", "LEVEL", "GREETING", "_x", "lower_case"),
      fc.oneof(awkwardText, fc.integer(), fc.boolean()),
    ),
    command,
    entrypoint: command,
    user: fc.constantFrom("1000:1000", "65534", "0:0", "33:0"),
    migrate: task,
    writableRoot: fc.boolean(),
    shm: mebibyte,
    stopGrace: seconds,
    limits,
  }),
  image,
  port: fc.option(fc.integer({ min: 1, max: 65535 }), { nil: undefined }),
  health: fc.constantFrom("none", "path", "map", "exec"),
  healthPath: path,
  timing: some(timing),
  exec: command,
  seed: fc.option(task, { nil: undefined }),
  routes: fc.array(fc.record({ local: fc.boolean(), wildcard: fc.boolean(), path: fc.option(path) }), { maxLength: 3 }),
  uses: fc.array(fc.record({ target: fc.nat(), part: fc.boolean(), choice: fc.nat() }), { maxLength: 5 }),
  secrets: fc.integer({ min: 0, max: 2 }),
  shared: fc.boolean(),
  volumes: fc.array(fc.constantFrom(undefined, "live", "pause", "stop", "none"), { maxLength: 2 }),
  writable: fc.integer({ min: 0, max: 2 }),
  publish: fc.array(fc.record({ open: fc.boolean(), udp: fc.boolean() }), { maxLength: 2 }),
  replicas: fc.integer({ min: 1, max: 4 }),
});

type AppSeed = typeof appSeed extends fc.Arbitrary<infer Seed> ? Seed : never;

const setting = fc.oneof(
  fc.boolean(),
  fc.integer({ min: 0, max: 100_000 }),
  fc.constantFrom("on", "1MB", "it's", "a b", "back\\slash", 'say "x"', ""),
);
const extensions = fc.subarray(["citext", "pg_trgm", "uuid-ossp"]);

const postgresSeed = fc.record({
  version: fc.constantFrom(16, 17, 18),
  short: fc.boolean(),
  form: fc.constantFrom("none", "list", "map"),
  databases: fc.uniqueArray(
    fc.record({ name: fc.constantFrom("main", "reports", "audit_log", "jobs-2"), extensions }),
    {
      minLength: 1,
      maxLength: 3,
      selector: (database) => database.name,
    },
  ),
  options: some({
    limits,
    settings: fc.dictionary(fc.constantFrom("work_mem", "jit", "track_io_timing", "app.name"), setting),
    pooler: fc.oneof(
      fc.constant(true),
      some({
        mode: fc.constantFrom("transaction", "session"),
        size: fc.integer({ min: 1, max: 2 }),
        clients: fc.integer({ min: 10, max: 10_000 }),
        settings: fc.dictionary(fc.constantFrom("query_timeout", "server_lifetime"), fc.integer({ min: 1, max: 900 })),
      }),
    ),
  }),
});

const minioSeed = fc.record({
  buckets: fc.option(fc.uniqueArray(fc.constantFrom("uploads", "media.files", "backups-2"), { minLength: 1 }), {
    nil: undefined,
  }),
  long: fc.boolean(),
  flags: some({ versioning: fc.boolean(), public: fc.boolean() }),
  host: fc.boolean(),
  options: some({ limits }),
});

const traefikSeed = fc.record({
  certificates: fc.constantFrom("none", "local", "files", "list", "http", "tls", "cloudflare", "route53"),
  staging: fc.boolean(),
  dashboard: fc.boolean(),
  trust: fc.constantFrom(undefined, "cloudflare", ["10.0.0.0/8", "2001:db8::/32"]),
  proxyProtocol: fc.boolean(),
  options: some({
    hsts: fc.oneof(
      fc.boolean(),
      some({ maxAge: fc.constantFrom("1d", "730d"), subdomains: fc.boolean(), preload: fc.boolean() }),
    ),
    frames: fc.constantFrom("same-site", "deny", "app"),
    rateLimit: fc.oneof(
      fc.constant(false),
      fc.record({ average: fc.integer({ min: 1, max: 999 }), burst: fc.integer({ min: 1, max: 999 }) }),
    ),
    maxBody: mebibyte,
    timeouts: some({ read: seconds, idle: seconds }),
    encodedSlash: fc.boolean(),
    ports: some({ http: fc.constantFrom(80, 8080), https: fc.constantFrom(443, 8443) }),
    http3: fc.boolean(),
    limits,
  }),
});

/** Servers on a virtual machine of Java, and Loki, say what they cannot do without. */
const ample = some({ cpus, memory: fc.integer({ min: 2, max: 16 }).map((count) => `${count}g`) });
const days = fc.integer({ min: 1, max: 400 }).map((count) => `${count}d`);

const collector = {
  multiline: fc.constant({}),
  healthChecks: fc.constantFrom("drop", "keep"),
  socket: fc.constantFrom("/var/run/docker.sock", "/run/user/1000/docker.sock"),
};

/** What keeps and shows metrics and logs; each is there or not. */
const watchingSeed = fc.record({
  monitoring: fc.option(
    some({
      scrape: seconds,
      retention: days,
      size: mebibyte,
      cadvisor: fc.boolean(),
      thresholds: some({
        errors: fc.constantFrom(0.001, 0.2),
        p99: seconds,
        disk: fc.constantFrom(0.5, 0.99),
        memory: fc.constantFrom(0.5, 0.99),
        certificateDays: fc.integer({ min: 1, max: 90 }),
      }),
      without: fc.subarray(["HostDiskFull", "HostCpuStolen", "Watchdog"]),
      limits: some({ prometheus: limits, alertmanager: limits, blackbox: limits }),
    }),
    { freq: 2, nil: undefined },
  ),
  loki: fc.option(some({ retention: days, size: mebibyte, ...collector, limits: ample }), { freq: 2, nil: undefined }),
  elk: fc.option(
    some({
      version: fc.constantFrom(8, 9),
      retention: days,
      rollover: mebibyte,
      force: fc.boolean(),
      ...collector,
      limits: ample,
      logstash: some({ limits: ample }),
      kibana: some({ limits: ample }),
    }),
    { freq: 2, nil: undefined },
  ),
  grafana: fc.option(some({ limits }), { freq: 2, nil: undefined }),
  hosts: fc.boolean(),
});

type TraefikSeed = typeof traefikSeed extends fc.Arbitrary<infer Seed> ? Seed : never;

/** A component that apps can use, with the parts that can be asked for; undefined: any. */
interface Target {
  key: string;
  parts: readonly string[] | undefined | "none";
}

/** Types that describe themselves in test/catalogue. */
const othersSeed = fc.tuple(
  ...[...componentsInTests].flatMap(([type, { random }]) =>
    random === undefined
      ? []
      : [
          // Each is in some of the stacks, so that one with everything stays as rare as it is.
          fc
            .oneof(
              { weight: 3, arbitrary: fc.constant([]) },
              { weight: 1, arbitrary: fc.array(random.section, { maxLength: random.most }) },
            )
            .map((sections) => ({ type, parts: random.parts, sections, withApps: random.withApps })),
        ],
  ),
);

/** Random valid stacks over all component types and options, several of one type, `uses` without cycles. */
export const randomStack: fc.Arbitrary<RandomStack> = fc
  .record({
    name: fc.constantFrom("shop", "a", "my-stack-2"),
    keys: fc.shuffledSubarray(words, { minLength: words.length }),
    traefik: fc.option(traefikSeed, { nil: undefined }),
    ownKey: fc.boolean(),
    postgres: fc.array(postgresSeed, { maxLength: 2 }),
    minio: fc.array(minioSeed, { maxLength: 2 }),
    watching: watchingSeed,
    others: othersSeed,
    apps: fc.array(appSeed, { minLength: 1, maxLength: 4 }),
  })
  .map((seed) => {
    const keys = [...seed.keys];
    const keyFor = (type: string, index: number) => (index === 0 && !seed.ownKey ? type : (keys.pop() ?? type));
    const components: Section = {};
    const targets: Target[] = [];
    const add = (type: string, index: number, section: unknown): string => {
      const key = keyFor(type, index);
      const isMap = typeof section === "object" && section !== null;
      components[key] = key === type ? section : { type, ...(isMap ? section : { version: section }) };
      return key;
    };
    if (seed.traefik) add("traefik", 0, traefikSection(seed.traefik));
    seed.postgres.forEach((each, index) => {
      const key = add("postgres", index, postgresSection(each));
      const listed = each.form !== "none" && !each.short;
      targets.push({ key, parts: listed ? each.databases.map((database) => database.name) : undefined });
    });
    seed.minio.forEach((each, index) => {
      const key = add(
        "minio",
        index,
        minioSection(each, seed.traefik !== undefined ? `s3-${index}.example.com` : undefined),
      );
      targets.push({ key, parts: each.buckets });
    });
    const unfinished: ((apps: readonly string[], listening: readonly string[]) => void)[] = [];
    for (const { type, parts, sections, withApps } of seed.others)
      sections.forEach((section, index) => {
        const key = add(type, index, section);
        if (withApps !== undefined)
          unfinished.push((apps, listening) => {
            components[key] = { ...(key !== type && { type }), ...withApps(section, apps, listening) };
          });
        if (parts !== "unusable") targets.push({ key, parts });
      });
    const { monitoring, loki, elk, grafana, hosts } = seed.watching;
    const host = (name: string) => (hosts && seed.traefik !== undefined ? { host: `${name}.example.com` } : {});
    if (monitoring) add("monitoring", 0, monitoring);
    if (loki) add("loki", 0, loki);
    if (elk) targets.push({ key: add("elk", 0, { ...elk, ...host("kibana") }), parts: "none" });
    if (grafana && (monitoring || loki)) add("grafana", 0, { ...grafana, ...host("grafana") });
    const apps: string[] = [];
    const listening: string[] = [];
    seed.apps.forEach((each, index) => {
      const key = keys.pop() ?? `app${index}`;
      apps.push(key);
      components[key] = appSection(each, key, index, targets, seed.traefik);
      if (each.port === undefined) return;
      listening.push(key);
      targets.push({ key, parts: "none" });
    });
    for (const finish of unfinished) finish(apps, listening);
    return { name: seed.name, components };
  });

/** The text of a stack, as a person could have written it. */
export function textOf(stack: RandomStack): string {
  return stringify(stack, { aliasDuplicateObjects: false });
}

function traefikSection({ certificates, staging, dashboard, trust, proxyProtocol, options }: TraefikSeed): Section {
  const acme = (more: Section) => ({ acme: { email: "ops@example.com", staging, ...more } });
  const sources: Record<TraefikSeed["certificates"], Section> = {
    none: {},
    local: { certificates: "local" },
    files: { certificates: "files" },
    list: { certificates: [{ certificate: "main_crt", key: "main_key" }] },
    http: acme({ challenge: "http" }),
    tls: acme({ challenge: "tls" }),
    cloudflare: acme({ challenge: "dns", provider: "cloudflare" }),
    route53: acme({
      challenge: "dns",
      provider: "route53",
      secrets: { AWS_SHARED_CREDENTIALS_FILE: "aws_credentials" },
      env: { AWS_REGION: "eu-central-1" },
    }),
  };
  return {
    ...options,
    ...sources[certificates],
    ...(dashboard && { dashboard: { host: "traefik.example.com" } }),
    ...(trust !== undefined && { trust }),
    ...(proxyProtocol && Array.isArray(trust) && { proxyProtocol }),
  };
}

function postgresSection({
  version,
  short,
  form,
  databases,
  options,
}: typeof postgresSeed extends fc.Arbitrary<infer Seed> ? Seed : never): unknown {
  if (short) return version;
  const list = databases.map((database) => (database.extensions.length === 0 ? database.name : database));
  const map = Object.fromEntries(
    databases.map(({ name, extensions: wanted }) => [name, wanted.length === 0 ? null : { extensions: wanted }]),
  );
  return {
    version,
    ...options,
    ...(form === "list" && { databases: list }),
    ...(form === "map" && { databases: map }),
  };
}

function minioSection(
  { buckets, long, flags, host, options }: typeof minioSeed extends fc.Arbitrary<infer Seed> ? Seed : never,
  name: string | undefined,
): Section {
  return {
    ...options,
    ...(buckets && { buckets: buckets.map((bucket) => (long ? { name: bucket, ...flags } : bucket)) }),
    ...(host && name !== undefined && { host: name }),
  };
}

function appSection(
  seed: AppSeed,
  key: string,
  index: number,
  targets: readonly Target[],
  traefik: TraefikSeed | undefined,
): Section {
  const { options, port } = seed;
  const publish = seed.publish.map(({ open, udp }, nth) => ({
    port: 10_000 + 10 * index + nth,
    target: 25 + nth,
    ...(open && { host: "0.0.0.0" }),
    ...(udp && { protocol: "udp" }),
  }));
  const secrets = Array.from({ length: seed.secrets }, (_, nth) => [
    `API_CODE_${nth}`,
    seed.shared ? "shared_code" : `${key}-code-${nth}`,
  ]);
  return {
    type: "app",
    image: seed.image,
    ...options,
    ...(port !== undefined && { port }),
    // A path alone is at the app's own port.
    ...(port === undefined && typeof options.metrics === "string" && { metrics: { port: 9_100 } }),
    ...healthOf(seed),
    ...(options.migrate !== undefined && seed.seed !== undefined && { seed: seed.seed }),
    ...(port !== undefined && traefik !== undefined && { routes: routesOf(seed, key, traefik) }),
    uses: usesOf(seed, targets),
    secrets: Object.fromEntries(secrets),
    volumes: seed.volumes.map((backup, nth) => ({
      name: `data-${nth}`,
      path: `/data/${nth}`,
      ...(backup && { backup }),
    })),
    writable: Array.from({ length: seed.writable }, (_, nth) => `/cache/${nth}`),
    ...(publish.length > 0 ? { publish } : { replicas: seed.replicas }),
  };
}

function healthOf({ health, healthPath, timing: when, exec, port }: AppSeed): Section {
  if (health === "exec") return { health: { exec, ...when } };
  if (health === "none" || port === undefined) return {};
  return { health: health === "path" ? healthPath : { path: healthPath, ...when } };
}

function routesOf({ routes }: AppSeed, key: string, traefik: TraefikSeed): unknown[] {
  const wildcards = !["http", "tls"].includes(traefik.certificates);
  return routes.map(({ local, wildcard, path: below }, nth) => {
    const host = `${wildcard && wildcards ? "*." : ""}${key}-${nth}.${local ? "localhost" : "example.com"}`;
    return below === null ? host : { host, path: below.split("?")[0] };
  });
}

function usesOf({ uses }: AppSeed, targets: readonly Target[]): string[] {
  const chosen = uses.flatMap(({ target, part, choice }) => {
    const wanted = targets[target % Math.max(1, targets.length)];
    if (wanted === undefined) return [];
    const { key, parts } = wanted;
    if (parts === "none") return [key];
    if (parts !== undefined) return [`${key}/${parts[choice % parts.length]}`];
    return [part ? `${key}/${["sessions", "jobs", "main"][choice % 3]}` : key];
  });
  return [...new Set(chosen)].filter((use) => !use.includes(".") && !use.includes("_"));
}
