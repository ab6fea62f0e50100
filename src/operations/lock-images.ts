import { join } from "node:path";
import type { ImageResolver, ResolvedImage } from "../engine/image-digest.ts";
import type { FileChange } from "../generator/changes.ts";
import {
  type ImageLock,
  imageLockPath,
  lockableImages,
  parseImageLock,
  printImageLock,
} from "../generator/image-lock.ts";
import type { ExitCause } from "../support/errors.ts";
import { readIfExists, writeFileAtomic } from "../support/files.ts";
import { environmentOf, type GenerateRequest, readStackYaml, renderStack, runGenerate } from "./generate.ts";
import { type Progress, silentProgress } from "./progress.ts";

/** What a lock says of one image, before and after. */
export interface LockedImage {
  /** As written in stack.yaml or by a component. */
  image: string;
  /**
   * `new`: not locked before; `moved`: its tag leads elsewhere now; `same`; `unknown`: its registry did not say, and what
   * the lock knew of it stays; `dropped`: no service uses it any more.
   */
  state: "new" | "moved" | "same" | "unknown" | "dropped";
  before?: string;
  after?: string;
  /** Why it is unknown. */
  reason?: string;
}

export interface LockPlan {
  images: LockedImage[];
  lock: ImageLock;
}

/** What becomes of a lock when the registries have answered. Pure. */
export function planLock(
  images: readonly string[],
  known: ImageLock,
  answers: ReadonlyMap<string, ResolvedImage>,
): LockPlan {
  const told = images.map((image) => tell(image, known[image], answers.get(image)));
  const dropped = Object.entries(known)
    .filter(([image]) => !images.includes(image))
    .map(([image, before]): LockedImage => ({ image, state: "dropped", before }));
  const lock = Object.fromEntries(
    told.flatMap(({ image, after }): [string, string][] => (after === undefined ? [] : [[image, after]])),
  );
  return { images: [...told, ...dropped], lock };
}

function tell(image: string, before: string | undefined, answer: ResolvedImage | undefined): LockedImage {
  const had = before === undefined ? {} : { before };
  if (answer === undefined || "reason" in answer) {
    const stays = before === undefined ? {} : { after: before };
    return { image, state: "unknown", ...had, ...stays, reason: answer?.reason ?? "not asked" };
  }
  const state = before === undefined ? "new" : before === answer.digest ? "same" : "moved";
  return { image, state, ...had, after: answer.digest };
}

export interface LockRequest extends GenerateRequest {
  resolve: ImageResolver;
  progress?: Progress;
  signal?: AbortSignal;
}

export interface LockOptions {
  /** Tells what would be locked and writes nothing. */
  dryRun?: boolean;
  /** Tells which tags have moved since, and writes nothing. */
  check?: boolean;
}

export interface LockResult {
  images: LockedImage[];
  /** Generated files that follow; empty where nothing was written. */
  changes: FileChange[];
  /**
   * `partial`: some registry did not answer. `unhealthy`, of a check alone: the lock does not say what the tags say now.
   * Undefined: all well.
   */
  exit: ExitCause | undefined;
}

/** Asks for the digest of every image of stack.yaml, writes images.lock.json and what follows from it. */
export async function runLock(request: LockRequest, options: LockOptions = {}): Promise<LockResult> {
  const { model } = renderStack(readStackYaml(request.directory), request.catalogue, request.carried, {
    environment: environmentOf(request.directory),
  });
  const path = join(request.directory, imageLockPath);
  const text = readIfExists(path);
  const images = lockableImages(model);
  const plan = planLock(images, parseImageLock(text), await askAll(images, request));
  const result = { images: plan.images, exit: exitOf(plan.images, options.check === true) };
  if (options.check === true || options.dryRun === true) return { ...result, changes: [] };
  // The files first: where one of them was edited by the user this throws, and the lock stays as it was too.
  const { changes } = await runGenerate(request, { imageLock: plan.lock });
  const lockText = printImageLock(plan.lock);
  const isNeeded = text !== undefined || Object.keys(plan.lock).length > 0;
  if (isNeeded && lockText !== text) writeFileAtomic(path, lockText);
  return { ...result, changes };
}

const atOnce = 4;

async function askAll(images: readonly string[], request: LockRequest): Promise<Map<string, ResolvedImage>> {
  const { resolve, signal, progress = silentProgress } = request;
  const answers = new Map<string, ResolvedImage>();
  const waiting = [...images];
  progress.phase(`Asking for the digests of ${images.length} images`);
  const ask = async () => {
    for (let image = waiting.shift(); image !== undefined; image = waiting.shift()) {
      progress.update(image, "working", "asking");
      const answer = await resolve(image, signal);
      answers.set(image, answer);
      if ("digest" in answer) progress.update(image, "done", answer.digest.slice(0, 19));
      else progress.update(image, "failed", answer.reason);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, ask));
  } finally {
    progress.end();
  }
  return answers;
}

function exitOf(images: readonly LockedImage[], check: boolean): ExitCause | undefined {
  if (images.some(({ state }) => state === "unknown")) return "partial";
  return check && images.some(({ state }) => state === "moved" || state === "new") ? "unhealthy" : undefined;
}
