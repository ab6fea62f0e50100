import { z } from "zod";
import { parseDuration, parseSize } from "../support/units.ts";

const longestDuration = 10 * 365 * 86_400_000;

// Each schema checks one stack.yaml per run; to compile it first, as zod does for schemas that are used often, costs more.
z.config({ jitless: true });

/** A duration in stack.yaml: `15s`, `5m`, `6h`, `30d`. Milliseconds after parsing. */
export function duration() {
  return z
    .string({ error: "expected a duration such as 15s, 5m, 6h or 30d" })
    .regex(/^(\d+(\.\d+)?(ms|[smhd]))+$/, "expected a duration such as 15s, 5m, 6h or 30d")
    .transform((text) => parseDuration(text) ?? 0)
    .refine((milliseconds) => milliseconds <= longestDuration, "expected a duration of at most 3650d");
}

const largestSize = 1024 ** 5;

/** A size in stack.yaml: `512m`, `4g`. Bytes after parsing. */
export function size() {
  const expected = "expected a size such as 512m or 4g";
  return z
    .string({ error: expected })
    .regex(/^\d+(\.\d+)?\s*[bkmgtBKMGT](i?[bB])?$/, expected)
    .transform((text) => parseSize(text) ?? 0)
    .refine((bytes) => bytes >= 1 && bytes <= largestSize, {
      error: "expected a size above 0 and up to 1024t",
      abort: true,
    });
}

const smallestMemory = 6 * 1024 ** 2;

/** Memory limit; Docker refuses less than 6 MB. */
export function memory() {
  return size().refine((bytes) => bytes >= smallestMemory, "expected at least 6m: Docker refuses a smaller limit");
}

/** CPU share: `0.5` is half a core. */
export function cpus() {
  return z
    .number({ error: "expected a number of CPUs such as 0.5 or 2" })
    .min(0.01, "expected at least 0.01 CPUs")
    .max(512, "expected at most 512 CPUs");
}

/** `limits:` of a component, each with its default. */
export function limits(defaults: { cpus: number; memory: string; pids?: number }) {
  const shape = z.strictObject({
    cpus: cpus().default(defaults.cpus).describe("CPUs that it may use at most"),
    memory: memory().prefault(defaults.memory).describe("Memory that it may use at most; it is killed above"),
    pids: z
      .int()
      .min(8, "expected at least 8 processes")
      .default(defaults.pids ?? 256)
      .describe("Processes and threads that it may have at most"),
  });
  return shape.prefault({}).describe("Upper limits for CPU, memory and processes");
}

/** Key of a component, name of a database, bucket or secret: what Compose, DNS and file systems all accept. */
export function name(what: string) {
  return z
    .string({ error: `expected ${what}` })
    .regex(
      /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/,
      `expected ${what}: lower-case letters, digits and "-", starting with a letter, at most 63`,
    );
}

/** File name under secrets/. */
export function secretName() {
  return z
    .string({ error: "expected the name of a file under secrets/" })
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/,
      "expected the name of a file under secrets/: letters, digits, _ . -, no folder",
    );
}

/** Name of an environment variable. */
export function variableName() {
  return z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of an environment variable: letters, digits and _");
}

/** An image with its tag or digest: `ghcr.io/you/app:1.4.2`. */
export function imageReference() {
  return z.string({ error: "expected an image such as ghcr.io/you/app:1.4.2" }).superRefine((text, context) => {
    const problem = imageProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

const imageShape =
  /^(?<name>(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*)(?::(?<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?<digest>sha256:[a-f0-9]{64}))?$/;

/** Parts of an image reference, or undefined where the text is none. */
export function parseImage(text: string): { name: string; tag?: string; digest?: string } | undefined {
  const groups = imageShape.exec(text)?.groups;
  if (groups?.name === undefined) return undefined;
  return { name: groups.name, ...(groups.tag && { tag: groups.tag }), ...(groups.digest && { digest: groups.digest }) };
}

/** What is wrong with an image reference, or undefined. Names images that can no longer be pulled. */
export function imageProblem(text: string): string | undefined {
  const image = parseImage(text);
  if (image === undefined) return `"${text}" is not an image reference; expected one such as ghcr.io/you/app:1.4.2`;
  if (/^(docker\.io\/|quay\.io\/)?minio\/minio$/.test(image.name))
    return `${image.name} is no longer published; use the component minio (image pgsty/silo)`;
  if (image.tag === undefined && image.digest === undefined)
    return `image "${text}" has no tag, so nobody could tell which version runs; write one, such as ${text}:1.4.2`;
  if (image.tag === "latest" && image.digest === undefined)
    return `image "${text}" names no version: latest is another one every time; write a tag such as ${image.name}:1.4.2`;
  return undefined;
}

/** A public host name: `app.example.com`, `demo.localhost`, `*.example.com`. */
export function hostName() {
  return z.string({ error: "expected a host name such as app.example.com" }).superRefine((text, context) => {
    const problem = hostProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });
}

/** What is wrong with a host name, or undefined. */
export function hostProblem(text: string): string | undefined {
  if (/^https?:\/\//i.test(text))
    return `expected a host name without "${text.split("://")[0]}://", such as app.example.com`;
  if (text.includes("/"))
    return `expected a host name without a path; write { host: ${text.split("/")[0]}, path: /${text.split("/").slice(1).join("/")} }`;
  if (/:\d+$/.test(text)) return "expected a host name without a port: Traefik listens on 80 and 443";
  if (/[A-Z]/.test(text)) return `expected the host name in lower case: ${text.toLowerCase()}`;
  const label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";
  if (text.length > 253 || !new RegExp(`^(\\*\\.)?${label}(\\.${label})*$`).test(text))
    return `"${text}" is not a host name; expected one such as app.example.com`;
  if (/^[\d.]+$/.test(text)) return `"${text}" is an address; certificates are made for names, such as app.example.com`;
  if (!text.includes(".") && text !== "localhost") return `expected a full host name such as ${text}.example.com`;
  return undefined;
}

/** An absolute path in a URL or container. */
export function absolutePath(what: string) {
  return (
    z
      .string({ error: `expected ${what}` })
      .regex(/^\//, `expected ${what}, starting with "/"`)
      // Paths stand in shell words, mount options and rules of the proxy, where other characters have a meaning.
      .regex(/^[A-Za-z0-9._~%+=@&?/-]*$/, `expected ${what} of letters, digits and . _ ~ % + = @ & ? - /`)
  );
}

/** A command as a list of words; a shell is never put in between. */
export function command() {
  return z
    .array(z.string({ error: "expected a word (quote numbers)" }), {
      error: "expected a list of words such as [npx, prisma, migrate, deploy]",
    })
    .min(1, "expected at least one word");
}

/** A port number. */
export function port() {
  return z
    .int({ error: "expected a port number" })
    .min(1, "expected a port from 1 to 65535")
    .max(65535, "expected a port from 1 to 65535");
}

/** An email address, loosely: one @ and a dot behind it. */
export function email() {
  return z
    .string({ error: "expected an email address" })
    .regex(/^[^\s@]+@[^\s@]+\.[^\s@]+$/, "expected an email address such as ops@example.com");
}
