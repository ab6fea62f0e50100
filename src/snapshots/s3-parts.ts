const mebibyte = 1024 ** 2;

/** Scaleway takes 1,000 parts of an object, others 10,000; some room stays for none of them to be hit. */
const mostParts = 900;

export interface PartPlan {
  number: number;
  offset: number;
  length: number;
}

/**
 * Bytes of each part but the last. All the same size, because R2 wants that
 * (https://developers.cloudflare.com/r2/objects/multipart-objects/), and known from the object's size alone.
 */
export function partSizeFor(size: number, smallest: number): number {
  return Math.max(smallest, Math.ceil(size / mostParts / mebibyte) * mebibyte);
}

export function partsOf(size: number, partSize: number): PartPlan[] {
  const count = Math.max(1, Math.ceil(size / partSize));
  return Array.from({ length: count }, (_, index) => ({
    number: index + 1,
    offset: index * partSize,
    length: Math.min(partSize, size - index * partSize),
  }));
}
