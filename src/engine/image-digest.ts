import { systemCode } from "../support/errors.ts";
import { type RunResult, run } from "../support/process.ts";

/** What a registry says that a tag leads to: a digest, or why it does not say. */
export type ResolvedImage = { digest: string } | { reason: string };

/** Asks the registry of an image. Never rejects but for the signal's reason. */
export type ImageResolver = (reference: string, signal?: AbortSignal) => Promise<ResolvedImage>;

const patience = 30_000;

/**
 * Asks through Docker's own client, which knows the user's logins. The digest is that of the index where there is one,
 * and so the same for every platform.
 */
export const resolveInRegistry: ImageResolver = async (reference, signal) => {
  const argv = ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", reference];
  try {
    const result = await run(argv, { timeout: patience, ...(signal && { signal }) });
    signal?.throwIfAborted();
    return readAnswer(result, reference);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { reason: "docker is not installed here" };
    throw error;
  }
};

function readAnswer(result: RunResult, reference: string): ResolvedImage {
  if (result.code !== 0) return { reason: result.timedOut ? slow(reference) : reasonOf(result.stderr, reference) };
  try {
    const digest = (JSON.parse(result.stdout) as { digest?: unknown }).digest;
    if (typeof digest === "string" && digest.startsWith("sha256:")) return { digest };
  } catch {
    // Told below, as any other answer that is of no use.
  }
  return { reason: `${registryOf(reference)} gave an answer without a digest` };
}

function slow(reference: string): string {
  return `${registryOf(reference)} gave no answer within ${patience / 1000} seconds`;
}

/** The client's own words, told so that the reader knows what to do. */
function reasonOf(stderr: string, reference: string): string {
  const last =
    stderr
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^ERROR:\s*/, "") ?? "";
  const registry = registryOf(reference);
  if (/is not a docker command|unknown command.*buildx|unknown flag/.test(stderr))
    return "Docker's buildx is missing; install docker-buildx-plugin (Debian's package: docker-buildx)";
  if (/unauthorized|access denied|denied:|authorization failed|authentication required/i.test(last))
    return `${registry} refuses it, or has no such image; for a private one: docker login ${registry}`;
  if (/not found|manifest unknown/i.test(last)) return `${registry} has no such image or tag`;
  if (/too ?many ?requests|rate limit/i.test(last)) return `${registry} limits how often it is asked; try again later`;
  if (/dial tcp|no such host|connection refused|timeout|unreachable|failed to do request|EOF/i.test(last))
    return `${registry} cannot be reached: ${last.replace(/^.*?(dial tcp|lookup|tls:|EOF)/, "$1")}`;
  return last === "" ? `${registry} gave no reason` : last;
}

/** Host of the registry that an image comes from. */
function registryOf(reference: string): string {
  const [first = "", ...rest] = reference.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}
