import { z } from "zod";
import { bucketName } from "../object-storage/buckets.ts";

const address = z
  .string({ error: "expected an address such as https://s3.example.com" })
  .regex(/^https?:\/\/[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/, {
    error: "expected an address such as https://s3.example.com, without a path",
  });

/** Section of stack.yaml for `type: s3`. */
export const s3Options = z.strictObject({
  endpoint: address.optional().describe("Address of the S3 server; AWS itself when left out"),
  region: z
    .string({ error: "expected a region such as eu-central-1" })
    .regex(/^[a-z0-9][a-z0-9-]{1,40}$/, "expected a region such as eu-central-1")
    .default("us-east-1")
    .describe("Region of the buckets; servers other than AWS mostly take us-east-1, some want auto"),
  buckets: z
    .array(bucketName())
    .min(1, "expected at least one bucket")
    .describe("Buckets that are there, and opened to apps"),
  keys: z
    .enum(["shared", "per-app"])
    .default("shared")
    .describe("One access key for all apps, or one for each, which opens only what that app needs"),
  pathStyle: z
    .boolean()
    .optional()
    .describe("True: the bucket stands in the path, as most servers other than AWS want it; false: in the host name"),
});

export type S3Options = z.output<typeof s3Options>;
