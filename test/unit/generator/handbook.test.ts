import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { globalOptions } from "../../../src/cli/args.ts";
import { firstWords, readVerb } from "../../../src/cli/command-words.ts";
import { handbook } from "../../../src/generator/handbook.ts";
import { startWaves } from "../../../src/generator/handbook-architecture.ts";
import { alignComments, table } from "../../../src/generator/handbook-text.ts";
import type { StackModel } from "../../../src/stack/model.ts";
import { shellLine } from "../../../src/support/shell-line.ts";
import { catalogue, modelOf, presets, presetText } from "../../support/catalogue.ts";

const everything = `
name: shop
components:
  traefik:
    acme: { email: ops@example.com }
  server:
    type: app
    image: ghcr.io/you/server:1.4.2
    port: 3001
    routes: [api.example.com, { host: www.example.com, path: /api }]
    health: /health
    uses: [postgres, redis, minio]
    secrets: { STRIPE_KEY: stripe_key }
    migrate: [npx, prisma, migrate, deploy]
    seed: [npx, prisma, db, seed]
    replicas: 2
    user: "1000:1000"
    volumes: [{ name: files, path: /files }, { name: cache, path: /cache, backup: none }]
  client:
    type: app
    image: ghcr.io/you/client:1.4.2
    port: 3000
    routes: [www.example.com, shop.localhost]
    uses: [server]
  postgres: { version: 18 }
  redis: {}
  minio: { buckets: [uploads] }
`;

const away = `
backup:
  encrypt: { recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p] }
  destinations:
    offsite: { bucket: copies, prefix: servers/shop, endpoint: "https://s3.example.com", credentials: offsite_s3 }
    second: { bucket: second, region: eu-central-1, credentials: second_s3, appendOnly: true }
  report: { ping: ping_address }
`;

const worker = `
name: tiny
components:
  worker: { type: app, image: "you/worker:1" }
`;

const ownNames = `
name: inside
components:
  traefik: {}
  web: { type: app, image: "you/web:1", port: 80, routes: [web.internal.example] }
`;

const ownCertificate = `
name: bought
components:
  traefik: { certificates: files }
  web: { type: app, image: "you/web:1", port: 80, routes: [www.example.com] }
`;

const stacks: [string, string][] = [
  ["everything", everything],
  ["everything, with copies that leave the server", `${everything}${away}`],
  ["a worker alone", worker],
  ["names of one's own", ownNames],
  ["a certificate of one's own", ownCertificate],
  ...presets.map((name): [string, string] => [`the preset ${name}`, presetText(name)]),
];

function render(model: StackModel): { architecture: string; runbook: string } {
  const [architecture, runbook] = handbook(model, catalogue.templates);
  return { architecture: architecture?.content ?? "", runbook: runbook?.content ?? "" };
}

describe.each(stacks)("the handbook of %s", (_, text) => {
  const model = modelOf(text);
  const { architecture, runbook } = render(model);
  const both = `${architecture}\n${runbook}`;

  test("is the same each time", () => {
    expect(render(modelOf(text))).toEqual({ architecture, runbook });
  });

  test("names only commands and options that exist", () => {
    const verbs = [...both.matchAll(/\.\/prod\.sh ([a-z][a-z-]*)/g)].map(([, verb = ""]) => verb);
    expect(verbs.length).toBeGreaterThan(15);
    expect(verbs.filter((verb) => !isVerb(model, verb))).toEqual([]);
    const typed = codeIn(both).filter((line) => /^\.\/prod\.sh [a-z]/.test(line));
    expect(typed.length).toBeGreaterThan(15);
    expect(typed.flatMap((line) => wrongWords(model, line))).toEqual([]);
  });

  test("has shell lines that a shell can read", () => {
    for (const [, block = ""] of both.matchAll(/```sh\n([\s\S]*?)```/g)) {
      const checked = spawnSync("sh", ["-n"], { input: block, encoding: "utf8" });
      expect(`${checked.stderr}${checked.status}`, block).toBe("0");
    }
  });

  test("has tables whose rows have as many cells as their heads", () => {
    const tables = both.match(/(?:^\|.*\n)+/gm) ?? [];
    expect(tables.length).toBeGreaterThan(3);
    for (const rows of tables.map((lines) => lines.trimEnd().split("\n"))) {
      expect(rows.length, rows[0]).toBeGreaterThan(2);
      expect(rows[1]).toMatch(/^\|( -+ \|)+$/);
      expect(new Set(rows.map(cellsIn)).size, rows.join("\n")).toBe(1);
    }
  });

  test("has a diagram in which every arrow leads from a node to a node", () => {
    expect(diagramFaults(architecture)).toEqual([]);
  });

  test("names every service, volume, network and secret", () => {
    for (const { name } of [...model.services, ...model.volumes, ...model.networks, ...model.secrets])
      expect(architecture).toContain(`\`${name}\``);
  });

  test("links only to headings that are there", () => {
    const anchors = new Set([...runbook.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => anchorOf(title)));
    for (const [link, anchor = ""] of runbook.matchAll(/\]\(#([^)]*)\)/g)) expect([...anchors], link).toContain(anchor);
  });

  test("tells for every source how it is brought back, with and without the program", () => {
    for (const { name, kind, volume } of model.dataSources) {
      const section = runbook.split(`\n#### The ${kind === "volume" ? "volume" : "server"} ${name}\n`)[1] ?? "";
      expect(section.split("\n#### ")[0], name).toMatch(/```sh\n[\s\S]*-new[\s\S]*```/);
      expect(runbook).toContain(`\`${model.name}_${volume}\``);
      expect(runbook).toMatch(new RegExp(`restore run --only ${name}|${"`"}${name}${"`"}`));
      expect(architecture).toMatch(
        new RegExp(`^\\| \`${name}\` +\\| \`${volume}\` +\\| .*(copy|server|object|archive)`, "m"),
      );
    }
  });

  test("holds no leftovers of its making", () => {
    expect(both).not.toMatch(/undefined|\[object|NaN|\n\n\n/);
    expect(both.replaceAll(/'\{\{[^}]*\}\}'/g, "")).not.toMatch(/\{\{|\}\}/);
  });
});

describe("sections that apply", () => {
  const of = (text: string) => render(modelOf(text));

  test("a stack without data, routes and secrets is not told about them", () => {
    const { architecture, runbook } = of(worker);
    expect(runbook).not.toMatch(
      /psql|redis-cli|migrate|certificate fails|private CA|Supply a secret|Rotate|docker login/,
    );
    expect(architecture).not.toMatch(/## Addresses|## Settings of the host/);
    expect(architecture).toContain("This stack has none.");
    expect(architecture).toContain("No port of this server is opened.");
  });

  test("names of one's own: how to trust the CA and where to write the names", () => {
    const { runbook } = of(ownNames);
    expect(runbook).toContain("sudo cp inside-authority.crt /usr/local/share/ca-certificates/");
    expect(runbook).toContain("ADDRESS web.internal.example");
    expect(runbook).not.toContain("The certificate fails");
  });

  test("a certificate of one's own: where to put it, and no CA", () => {
    const { runbook } = of(ownCertificate);
    expect(runbook).toContain("cat > secrets/tls_certificate");
    expect(runbook).toContain("Replace a certificate of your own");
    expect(runbook).not.toContain("private CA");
  });

  test("two databases of one kind: their shell is told which one", () => {
    const { runbook } = of(
      "name: two\ncomponents:\n  main: { type: postgres }\n  reports: { type: postgres }\n  redis: {}\n",
    );
    expect(runbook).toMatch(/^\.\/prod\.sh psql main +#/m);
    expect(runbook).toMatch(/^\.\/prod\.sh psql reports +#/m);
    expect(runbook).toMatch(/^\.\/prod\.sh redis-cli +#/m);
    expect(runbook).toContain("`./prod.sh psql main --command");
  });

  test("copies that stay on this server: a key and a destination come first, and nothing is fetched from a bucket", () => {
    const { runbook, architecture } = of(everything);
    expect(runbook).toContain("1. **A key.**");
    expect(runbook).toContain("they go when it goes");
    expect(runbook).toContain("rsync -a OLD_SERVER:shop/backups/ copy/");
    expect(runbook).not.toMatch(/aws s3|rclone|age --decrypt/);
    expect(architecture).toContain("this server alone");
  });

  test("copies that leave the server: where they are, how they are fetched and opened", () => {
    const { runbook, architecture } = of(`${everything}${away}`);
    for (const line of [
      "npx create-stack restore from s3://copies/servers/shop --key key.txt --endpoint https://s3.example.com",
      "npx create-stack restore from s3://second/shop --key key.txt --region eu-central-1",
      "export RCLONE_S3_PROVIDER=Other RCLONE_S3_ENV_AUTH=true RCLONE_S3_ENDPOINT=https://s3.example.com",
      "aws s3 sync s3://copies/servers/shop/ copy/ --endpoint-url https://s3.example.com",
      "age --decrypt --identity key.txt",
      "`ping` is requested after each run without a failure",
    ])
      expect(runbook).toContain(line);
    expect(runbook).not.toContain("they go when it goes");
    for (const name of ["offsite", "second"]) expect(architecture).toMatch(new RegExp(`\\| \`${name}\` +\\| .*s3://`));
    expect(architecture).toContain("`offsite_s3`");
  });

  test("keys of GPG: opened with gpg", () => {
    const { runbook } = of(`${everything}${away.replace(/recipients: \[.*?\]/, "gpg: [keys/ops.asc]")}`);
    expect(runbook).toContain("gpg --batch --output");
    expect(runbook).not.toMatch(/age --decrypt|\.age`/);
  });

  test("with everything: the lines for each part", () => {
    const { runbook } = of(everything);
    for (const line of [
      "./prod.sh migrate --seed",
      "./prod.sh psql",
      "docker compose run --rm server-migrate",
      "docker compose exec postgres psql",
      "cat > secrets/stripe_key",
      "dig +short api.example.com",
      "docker login ghcr.io",
      "./prod.sh restore run --only postgres/server --at ",
      "./prod.sh restore run --only server-files --into server-files-before",
      "docker volume create shop_postgres-data-new",
      "-v shop_postgres-socket:/var/run/postgresql",
      '"$PWD/config/redis/backup.sh":/usr/local/etc/backup.sh:ro',
      "vm.overcommit_memory = 1",
    ])
      expect(runbook).toContain(line);
  });
});

describe("figures", () => {
  const model = modelOf(everything);
  const { architecture } = render(model);

  test("no service starts before what it waits for", () => {
    const waves = startWaves(model.services);
    const stepOf = (name: string) => waves.findIndex((wave) => wave.some((service) => service.name === name));
    const started = waves.flat();
    expect(started.length).toBe(model.services.filter((service) => service.class !== "job").length);
    for (const service of started)
      for (const { service: needed } of service.dependsOn)
        expect(stepOf(needed), `${needed} before ${service.name}`).toBeLessThan(stepOf(service.name));
    expect(waves[0]?.map((service) => service.name)).toContain("postgres");
    expect(stepOf("client")).toBe(waves.length - 1);
  });

  test("services that wait for each other do not hang the handbook", () => {
    const [a, b] = model.services;
    if (a === undefined || b === undefined) throw new Error("two services are needed");
    const circle = [
      { ...a, dependsOn: [{ service: b.name, condition: "service_started" as const }] },
      { ...b, dependsOn: [{ service: a.name, condition: "service_started" as const }] },
    ];
    expect(startWaves(circle).flat()).toHaveLength(2);
  });

  test("memory counts each replica, and the host's share comes on top", () => {
    expect(architecture).toMatch(/\| `server` +\| 2 +\| 512 MB +\| 1 GB /);
    // 256 traefik + 2 x 512 server + 512 client + 512 postgres + 256 redis + 512 minio
    expect(architecture).toMatch(/\| \*\*all services\*\* +\| +\| +\| \*\*3 GB\*\*/);
    expect(architecture).toMatch(/\| \*\*a server for it has at least\*\* +\| +\| +\| \*\*4 GB\*\*/);
  });

  test("a volume says what its loss would mean", () => {
    expect(architecture).toMatch(/`postgres-data` .*the databases: `restore run`/);
    expect(architecture).toMatch(/`server-cache` .*backup: none/);
    expect(architecture).toMatch(/`traefik-acme` .*requested again/);
    expect(architecture).toMatch(/`postgres-socket` .*made again/);
    const logs = render(modelOf("name: shop\ncomponents:\n  loki: {}\n")).architecture;
    expect(logs).toMatch(/`loki-data` .*`loki` +\| what was in it \(logs: /);
  });

  test("a secret says who reads it, and which file it goes into", () => {
    expect(architecture).toMatch(/\| `postgres_server` .*\| `postgres-setup`; by way of `server.env` +\|/);
    expect(architecture).toMatch(/\| `server.env` .*\| `server`, `server-migrate`, `server-seed` +\|/);
  });

  test("an image that is locked shows its tag and the start of its digest", () => {
    const services = model.services.map((service) =>
      service.name === "redis" ? { ...service, image: `redis:8@sha256:${"0123456789abcdef".repeat(4)}` } : service,
    );
    expect(render({ ...model, services }).architecture).toContain("`redis:8` at `sha256:0123456789ab`");
  });
});

describe("text", () => {
  test("a table keeps a pipe and a line break inside their cell", () => {
    expect(table(["a", "b"], [["x|y", "one\ntwo"]])).toBe(
      "| a    | b       |\n| ---- | ------- |\n| x\\|y | one two |",
    );
    expect(table(["a"], [])).toBe("");
  });

  test("a shell gets back the words that went in", () => {
    const words = ["a", "b c", "it's", '"$HOME" `x`', "*", "", "back\\slash", "line\nbreak"];
    const printed = spawnSync("sh", ["-c", `printf '%s\\0' ${shellLine(words)}`], { encoding: "utf8" });
    expect(printed.stdout.split("\0").slice(0, -1)).toEqual(words);
  });

  test("comments stand in one column, and a long line does not push it away", () => {
    const long = "x".repeat(60);
    expect(alignComments(`\`\`\`sh\na  # one\nlong  # two\n${long}  # three\nno comment\n\`\`\``)).toBe(
      `\`\`\`sh\na      # one\nlong   # two\n${long}   # three\nno comment\n\`\`\``,
    );
  });
});

function isVerb(model: StackModel, word: string): boolean {
  const known = [...firstWords(), ...[...model.shortcuts, ...model.actions].map(({ verb }) => verb)];
  return known.includes(word);
}

/** Lines of shell blocks without their comments, and code within sentences. */
function codeIn(markdown: string): string[] {
  const blocks = [...markdown.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = ""]) => block.split("\n"));
  const spans = [...markdown.replaceAll(/```[\s\S]*?```/g, "").matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...blocks, ...spans].map((line) => (line.split(/\s+[#|]/)[0] ?? "").trim());
}

/** What is no option of the command and no service of the stack. */
function wrongWords(model: StackModel, line: string): string[] {
  const { command, group, indexes } = readVerb(line.split(/\s+/).slice(1));
  if (command === undefined) return group === undefined ? [] : [`${line}: no such verb`];
  const words = line.split(/\s+/).slice((indexes.at(-1) ?? 0) + 2);
  const options = [...(command.options ?? []), ...globalOptions].map(({ name }) => `--${name}`);
  // What backups and restores are about is not listed in the model.
  if (group !== undefined)
    return words.flatMap((word) =>
      /^--./.test(word) && !options.includes(word) ? [`${line}: no option ${word}`] : [],
    );
  const offered = (command.positionals ?? []).flatMap(({ completion }) =>
    typeof completion === "object" ? completion : [],
  );
  const pages = command.name === "open" ? model.consoles.map(({ name }) => name) : [];
  const named = model.services.flatMap((service) => [service.name, service.component]);
  const services = new Set([...named, ...pages, ...offered]);
  // What follows the service of an exec belongs to its program.
  const own = command.positionals?.some(({ passThrough }) => passThrough) ? words.slice(0, 1) : words;
  return own.flatMap((word, index) => {
    // Words in capitals are the reader's to fill in.
    if (/^[A-Z]+$/.test(word)) return [];
    if (word.startsWith("-")) return options.includes(word) ? [] : [`${line}: no such option`];
    const isValue = /^\d+[smhd]?$/.test(word) && words[index - 1]?.startsWith("--");
    return isValue || services.has(word) ? [] : [`${line}: ${word} is no service`];
  });
}

function cellsIn(row: string): number {
  return row.replaceAll("\\|", "").split("|").length;
}

/** As GitHub makes anchors of headings. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replaceAll(/[^a-z0-9 -]/g, "")
    .replaceAll(" ", "-");
}

/** A check of the shape that is used here: nodes with quoted labels, groups that end, arrows between known nodes. */
function diagramFaults(markdown: string): string[] {
  const lines = /```mermaid\n([\s\S]*?)\n```/.exec(markdown)?.[1]?.split("\n") ?? [];
  const node = /^\s*(?:subgraph )?([A-Za-z]\w*)(?:\["[^"]*"\]|\(\["[^"]*"\]\)|\[\("[^"]*"\)\])$/;
  const arrow = /^\s*(\w+) (?:-->\|"[^"]+"\||---) (\w+)$/;
  const known = lines.map((line) => node.exec(line)?.[1]).filter((name) => name !== undefined);
  const faults = lines[0] === "flowchart LR" ? [] : ["no head"];
  if (new Set(known).size !== known.length) faults.push("a node stands twice");
  if (known.length < 2) faults.push("no nodes");
  const opened = lines.filter((line) => line.includes("subgraph ")).length;
  if (opened !== lines.filter((line) => line.trim() === "end").length) faults.push("a group does not end");
  for (const line of lines.slice(1)) {
    const [, from = "", to = ""] = arrow.exec(line) ?? [];
    const isArrow = known.includes(from) && known.includes(to);
    if (!isArrow && !node.test(line) && line.trim() !== "end") faults.push(line);
  }
  return faults;
}
