import { z } from "zod";
import { hostName, imageReference, limits } from "../../stack/fields.ts";
import { type BucketOptions, bucketName } from "../object-storage/buckets.ts";

const defaultImage = "dxflrs/garage:v2.4.1";

/** Section of stack.yaml for `type: garage`. A bucket is its name alone: Garage keeps no versions and knows no anonymous readers. */
export const garageOptions = z.strictObject({
  image: imageReference().default(defaultImage).describe("Image of Garage from 2.4 on"),
  buckets: z
    .array(bucketName().transform((name): BucketOptions => ({ name, versioning: false, public: false })))
    .optional()
    .describe("Buckets that are made. Without it: one per app that uses the server, named like the app"),
  host: hostName().optional().describe("Public host name of the S3 server, for uploads and downloads by browsers"),
  limits: limits({ cpus: 1, memory: "256m" }),
});

export type GarageOptions = z.output<typeof garageOptions>;
