import { z } from "zod";
import { hostName, imageReference, limits } from "../../stack/fields.ts";
import { bucketNameProblem, bucketOptions } from "../object-storage/buckets.ts";

const defaultImage = "pgsty/silo:RELEASE.2026-09-16T00-00-00Z";

/** What is wrong with a bucket's name, or undefined. */
export function nameProblem(text: string): string | undefined {
  return text === "minio" ? `"minio" is reserved by the server; choose another name` : bucketNameProblem(text);
}

export const minioOptions = z.strictObject({
  image: imageReference()
    .default(defaultImage)
    .describe("Image of an S3 server that is MinIO or a fork of it, with mc inside"),
  buckets: z
    .array(bucketOptions(nameProblem))
    .optional()
    .describe("Buckets that are made. Without it: one per app that uses the server, named like the app"),
  host: hostName().optional().describe("Public host name of the S3 server, for uploads and downloads by browsers"),
  limits: limits({ cpus: 1, memory: "512m" }),
});

export type MinioOptions = z.output<typeof minioOptions>;
