/** The top folders of a store. Nothing else in it is an object, so a store can lie beside other files. */
export const topFolders: readonly string[] = ["snapshots", "wal", "objects"];

/** The longest name of a file on Linux file systems, and the longest key of S3, in bytes of UTF-8. */
const longestSegment = 255;
const longestKey = 1_024;

/**
 * True for text that names an object: below one of the top folders, no empty, `.` or `..` segment, no NUL or backslash.
 * Such a key stays below the store's root when it is joined to it as a path.
 */
export function isObjectKey(key: string): boolean {
  const segments = key.split("/");
  if (segments.length < 2 || !topFolders.includes(segments[0] ?? "")) return false;
  // Half of a pair of surrogates has no UTF-8: it would come back as another key.
  if (/[\0\\]/.test(key) || /\p{Surrogate}/u.test(key) || Buffer.byteLength(key) > longestKey) return false;
  return segments.every(isName);
}

/** A key that is none is a bug of the caller, never the user's fault. */
export function checkKey(key: string): void {
  if (!isObjectKey(key)) throw new Error(`no key of a store: ${JSON.stringify(key)}`);
}

/** The key of an object as this host knows it: without the ending that encryption gives it in this store. */
export function plainKey(key: string): string {
  return key.replace(/\.(age|gpg)$/, "");
}

/** A prefix is empty or a folder's path with its slash, so that `prod` never stands for `prod-old/` too. */
export function checkPrefix(prefix: string): void {
  if (prefix !== "" && !isObjectKey(`${prefix}x`)) throw new Error(`no prefix of keys: ${JSON.stringify(prefix)}`);
  if (prefix !== "" && !prefix.endsWith("/")) throw new Error(`a prefix ends in a slash: ${JSON.stringify(prefix)}`);
}

/** S3 orders keys by their bytes in UTF-8, and so do all stores. JavaScript's own order differs beyond U+FFFF. */
export function compareKeys(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function isName(segment: string): boolean {
  return segment !== "" && segment !== "." && segment !== ".." && Buffer.byteLength(segment) <= longestSegment;
}
