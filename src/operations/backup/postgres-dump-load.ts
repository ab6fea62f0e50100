import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Service } from "../../stack/service.ts";
import type { Context } from "../context.ts";
import { giveVolume, withStanding } from "../restore/throw-away.ts";
import { imageOfService, type RunSpec, runToEnd, throwAwaySpec } from "./container.ts";
import type { Checked, Loaded, LoadJob } from "./kinds.ts";
import { partBinds } from "./part-binds.ts";
import { countRows, type PostgresSource, runClient, type ServerExec } from "./postgres-client.ts";
import { jobsFor } from "./postgres-dump.ts";
import { type DumpFacts, readDumpFacts } from "./postgres-dump-facts.ts";
import {
  amcheckScript,
  globalsPart,
  globalsScript,
  restoreScript,
  rowsPart,
  spaceFolder,
} from "./postgres-dump-script.ts";
import { connectionTo } from "./postgres-names.ts";
import { compareRows, parseRows } from "./postgres-rows.ts";

/**
 * Fills a new server of the stack's own version with a dump, which may come from an older one: how a server is upgraded.
 * The roles have no passwords then; the stack's set-up gives its own those of secrets/ at the next start.
 */
export async function loadDump(job: LoadJob<PostgresSource>): Promise<Loaded> {
  const { context, source, chain, depth } = job;
  const last = chain.at(-1);
  if (last === undefined) throw new Error("a chain has at least one snapshot");
  const { manifest, folder } = last;
  const facts = readDumpFacts(manifest);
  const image = await imageToLoad(context, source);
  const [volume, space] = [await job.newVolume(""), await job.newVolume("unpacked")];
  for (const made of [volume, space]) await giveVolume(context, image, made, source.user);
  const request = {
    what: `${source.name} that the dump is loaded into`,
    service: serviceOf(context, source),
    spec: loadingServer(context, source, { image, volume, space, binds: partBinds(folder, manifest.parts) }),
  };
  const checks = await withStanding(context, request, ({ exec }) =>
    fill(context, exec, { source, facts, folder, depth }),
  );
  await context.engine.removeVolume(space);
  await syncVolume(context, source, image, volume);
  return {
    volumes: [{ restored: volume, replaces: source.volume }],
    checks,
    reached: Date.parse(manifest.pointInTime),
    facts: { databases: facts.databases.map(({ name }) => name) },
  };
}

/** What is to run on the new volume is what the model says, whatever runs now. */
async function imageToLoad(context: Context, source: PostgresSource): Promise<string> {
  const own = await context.engine.image(serviceOf(context, source).image);
  return own?.id ?? (await imageOfService(context, source.service)).id;
}

function serviceOf({ model }: Pick<Context, "model">, source: PostgresSource): Service {
  const found = model.services.find(({ name }) => name === source.service);
  if (found === undefined) throw new Error(`the model has no service ${source.service}`);
  return found;
}

/**
 * Settings of a server that is only filled: nothing is archived, nothing works by itself, and the disk is waited for once
 * at the end instead of all the time.
 */
const whileFilling = {
  archive_mode: "off",
  autovacuum: "off",
  fsync: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  max_wal_size: "4GB",
  checkpoint_timeout: "1h",
};

function loadingServer(
  context: Context,
  source: PostgresSource,
  { image, volume, space, binds }: Record<"image" | "volume" | "space", string> & Pick<RunSpec, "binds">,
): RunSpec {
  const service = serviceOf(context, source);
  const settings = Object.entries(whileFilling).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const spec = throwAwaySpec(context, service, {
    volumes: { [source.volume]: volume },
    binds,
    command: [...(service.command ?? ["postgres"]), ...settings],
    image,
    purpose: `restore-${source.name}`,
  });
  return { ...spec, volumes: [...(spec.volumes ?? []), { volume: space, target: spaceFolder, readOnly: false }] };
}

interface Filling {
  source: PostgresSource;
  facts: DumpFacts;
  folder: string;
  depth: "quick" | "deep";
}

async function fill(context: Context, exec: ServerExec, filling: Filling): Promise<Checked[]> {
  const { source, facts, folder, depth } = filling;
  const jobs = String(await jobsFor(context));
  const expected = parseRows(readFileSync(join(folder, rowsPart), "utf8"));
  const step = (text: string) => context.progress.update(source.name, "working", text);
  const checks: Checked[] = [];
  await runClient(exec, source, "Making the roles of the dump", globalsScript, [`/backup/${globalsPart}`]);
  for (const { name, part } of facts.databases) {
    step(`loading ${name}`);
    // This one is in every new server; the others are made as the dump has them.
    const create = name === "postgres" ? [] : ["--create"];
    const words = [`/backup/${part}`, jobs, connectionTo("postgres"), ...create];
    await runClient(exec, source, `Loading ${name}`, restoreScript, words);
    checks.push(compareRows(name, expected.get(name), await countRows(exec, source, name)));
  }
  step("collecting statistics for the planner");
  await runClient(exec, source, "ANALYZE", 'exec vacuumdb --all --analyze-only --quiet --jobs="$1"', [jobs]);
  if (depth === "quick") return checks;
  step("checking tables and indexes");
  return [...checks, await amcheck(exec, source, facts, jobs)];
}

async function amcheck(exec: ServerExec, source: PostgresSource, facts: DumpFacts, jobs: string): Promise<Checked> {
  const names = facts.databases.map(({ name }) => connectionTo(name));
  const found = (await runClient(exec, source, "pg_amcheck", amcheckScript, [jobs, ...names])).trim();
  if (found === "") return { ok: true, detail: "pg_amcheck found nothing wrong with tables and indexes" };
  return { ok: false, detail: `pg_amcheck: ${found.split("\n").slice(0, 5).join("; ")}` };
}

/** The server did not wait for the disk; now everything it wrote is brought there. */
async function syncVolume(context: Context, source: PostgresSource, image: string, volume: string): Promise<void> {
  await runToEnd(context, `Writing ${source.name} to the disk`, {
    purpose: `restore-${source.name}`,
    image,
    user: source.user,
    entrypoint: ["initdb"],
    command: ["--sync-only", "-D", source.dataFolder],
    volumes: [{ volume, target: source.target, readOnly: false }],
  });
}
