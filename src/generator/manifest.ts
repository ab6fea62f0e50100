import { createHash } from "node:crypto";
import { z } from "zod";

/** The record of what create-stack wrote: how an edit of the user is told from our own text. */
export interface Manifest {
  format: 1;
  /** Version of create-stack that wrote the files. */
  version: string;
  /**
   * Path to the SHA-256 of what we wrote there. While a write is under way both the old and the new hash stand here,
   * so that one that was killed halfway is not mistaken for an edit.
   */
  files: Record<string, string[]>;
}

const manifestShape = z.object({
  format: z.literal(1),
  version: z.string(),
  files: z.record(z.string(), z.array(z.string())),
});

export function hashOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

/**
 * Reads a manifest's text; undefined where it is none. Paths that lead out of the directory, or to what is the user's,
 * are dropped: a file on disk is not to be trusted, and what the manifest names may be removed.
 */
export function parseManifest(text: string): Manifest | undefined {
  try {
    const manifest = manifestShape.parse(JSON.parse(text));
    return {
      ...manifest,
      files: Object.fromEntries(
        Object.entries(manifest.files).filter(([path]) => staysInside(path) && !belongsToUser(path)),
      ),
    };
  } catch {
    return undefined;
  }
}

export function printManifest(manifest: Manifest): string {
  return `${JSON.stringify({ ...manifest, files: Object.fromEntries(Object.entries(manifest.files).sort(([a], [b]) => (a < b ? -1 : 1))) }, null, 1)}\n`;
}

/** True for a relative path with forward slashes that cannot leave the directory it is joined to. */
export function staysInside(path: string): boolean {
  return (
    path !== "" &&
    !path.startsWith("/") &&
    !path.includes("\\") &&
    !/^[a-z]:/i.test(path) &&
    !path.split("/").some((part) => part === ".." || part === "." || part === "")
  );
}

/** True for what no run may remove, whatever a manifest says. */
function belongsToUser(path: string): boolean {
  if (["stack.yaml", "compose.override.yaml", "images.lock.json"].includes(path)) return true;
  return /^(secrets|backups)\//.test(path) && !path.endsWith("/.gitignore");
}
