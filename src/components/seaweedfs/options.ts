import { z } from "zod";
import { hostName, imageReference, limits } from "../../stack/fields.ts";
import { bucketOptions } from "../object-storage/buckets.ts";

const defaultImage = "chrislusf/seaweedfs:4.44";

/** Section of stack.yaml for `type: seaweedfs`. */
export const seaweedfsOptions = z.strictObject({
  image: imageReference().default(defaultImage).describe("Image of SeaweedFS from 4.44 on"),
  buckets: z
    .array(bucketOptions())
    .optional()
    .describe("Buckets that are made. Without it: one per app that uses the server, named like the app"),
  host: hostName().optional().describe("Public host name of the S3 server, for uploads and downloads by browsers"),
  limits: limits({ cpus: 1, memory: "768m" }),
});

export type SeaweedfsOptions = z.output<typeof seaweedfsOptions>;
