import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { runToEnd } from "./container.ts";
import type { PostgresSource } from "./postgres-base.ts";
import { majorVersion, readBaseFacts } from "./postgres-facts.ts";

/**
 * The image that reads a base: the one that made it, by id; else by its name; else the one that the stack would run,
 * where that is of the same major version. Pulls the first where the server has none of them.
 */
export async function imageForBase(
  context: Context,
  source: PostgresSource,
  manifest: SnapshotManifest,
): Promise<string> {
  const { engine, model } = context;
  const major = majorVersion(readBaseFacts(manifest));
  const own = model.services.find(({ name }) => name === source.service)?.image;
  const { image } = manifest;
  if (image !== undefined && (await engine.image(image.id)) !== undefined) return image.id;
  for (const reference of [image?.reference, own])
    if (reference !== undefined && (await isOfMajor(context, reference, major))) return reference;
  return pulled(context, image?.reference ?? own ?? "", major, manifest.id);
}

/** Whether the engine has the image, and its server is of that major version. */
async function isOfMajor(context: Context, reference: string, major: number): Promise<boolean> {
  if ((await context.engine.image(reference)) === undefined) return false;
  return (await majorOf(context, reference)) === major;
}

/** Major version of the server in an image: `postgres (PostgreSQL) 18.6 (Debian 18.6-3)`. */
async function majorOf(context: Context, image: string): Promise<number> {
  const output = await runToEnd(context, `Asking ${image} for its version`, {
    purpose: "postgres-version",
    image,
    user: "65534:65534",
    entrypoint: ["postgres"],
    command: ["--version"],
  });
  return Number(/\(PostgreSQL\) (\d+)/.exec(output.join("\n"))?.[1]);
}

async function pulled(context: Context, reference: string, major: number, snapshot: string): Promise<string> {
  const { engine, progress, signal } = context;
  try {
    progress.line(`Pulling ${reference}, which made the snapshot`);
    await engine.pull(reference, signal);
  } catch (cause) {
    signal.throwIfAborted();
    throw versionMissing(reference, major, snapshot, cause);
  }
  if ((await majorOf(context, reference)) === major) return reference;
  throw versionMissing(reference, major, snapshot);
}

function versionMissing(reference: string, major: number, snapshot: string, cause?: unknown): StackError {
  return new StackError({
    code: "image-missing",
    exit: "unhealthy",
    message: `The snapshot ${snapshot} can be read by PostgreSQL ${major} alone, and there is no image of it on this server`,
    hint: `docker pull ${reference.includes(":") ? reference : `postgres:${major}`}`,
    cause,
  });
}

/** Refuses a snapshot of another major version than the stack's own server, which could not start on its files. */
export async function refuseOtherVersion(
  context: Context,
  source: PostgresSource,
  manifest: SnapshotManifest,
): Promise<void> {
  const major = majorVersion(readBaseFacts(manifest));
  const own = context.model.services.find(({ name }) => name === source.service)?.image;
  if (own === undefined || (await context.engine.image(own)) === undefined) return;
  const found = await majorOf(context, own);
  if (found === major) return;
  throw new StackError({
    code: "postgres-version",
    exit: "invalidInput",
    message: `The snapshot ${manifest.id} was made by PostgreSQL ${major}; ${source.service} runs ${found}, which cannot read its files`,
    hint: `set version: ${major} in stack.yaml, or restore a dump: ./prod.sh backup list`,
  });
}
