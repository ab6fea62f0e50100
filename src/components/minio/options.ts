import { z } from "zod";
import { hostName, imageReference, limits } from "../../stack/fields.ts";

const defaultImage = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";

/** One bucket that stack.yaml names. */
export interface BucketOptions {
  name: string;
  versioning: boolean;
  public: boolean;
}

/** What is wrong with a bucket's name, or undefined. */
export function bucketNameProblem(text: string): string | undefined {
  if (text === "minio") return `"minio" is reserved by the server; choose another name`;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) || /\.\.|\.-|-\./.test(text) || /^[\d.]+$/.test(text))
    return `expected the name of a bucket: 3 to 63 lower-case letters, digits, "-" and "."`;
  return undefined;
}

const bucketName = z.string({ error: "expected the name of a bucket" }).superRefine((text, context) => {
  const problem = bucketNameProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const bucket = z.union([
  bucketName.transform((text): BucketOptions => ({ name: text, versioning: false, public: false })),
  z.strictObject({
    name: bucketName.describe("Name of the bucket"),
    versioning: z.boolean().default(false).describe("Keep former versions of an object, and deleted ones"),
    public: z.boolean().default(false).describe("Anybody who reaches the server may read its objects"),
  }),
]);

export const minioOptions = z.strictObject({
  image: imageReference()
    .default(defaultImage)
    .describe("Image of an S3 server that is MinIO or a fork of it, with mc inside"),
  buckets: z
    .array(bucket)
    .optional()
    .describe("Buckets that are made. Without it: one per app that uses the server, named like the app"),
  host: hostName().optional().describe("Public host name of the S3 server, for uploads and downloads by browsers"),
  limits: limits({ cpus: 1, memory: "512m" }),
});

export type MinioOptions = z.output<typeof minioOptions>;
