import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lookInto } from "../snapshots/s3-look.ts";
import type { ExternalBucket, StackModel } from "../stack/model.ts";
import { messageOf, StackError } from "../support/errors.ts";
import type { InspectedComponents } from "./status-inspections.ts";
import type { StatusProblem } from "./status-report.ts";

/** Milliseconds; who looks at a status does not wait longer. */
const timeLimit = 5_000;

/** Opens each bucket elsewhere with the keys that apps have. Never fails: what does not open is a problem. */
export async function lookAtBuckets(
  directory: string,
  { externalBuckets = [] }: Pick<StackModel, "externalBuckets">,
): Promise<InspectedComponents> {
  const problems = await Promise.all(externalBuckets.map((bucket) => look(directory, bucket)));
  const components = [...new Set(externalBuckets.map(({ component }) => component))];
  return {
    problems: problems.flat(),
    facts: components.map((component) => {
      const own = externalBuckets.flatMap((bucket, index) =>
        bucket.component === component ? [problems[index]?.length === 0] : [],
      );
      return { component, facts: { buckets: `${own.filter(Boolean).length} of ${own.length} open` } };
    }),
  };
}

async function look(directory: string, bucket: ExternalBucket): Promise<StatusProblem[]> {
  const { component, accessKey, secretKey } = bucket;
  const secretIn = (name: string) => readFileSync(join(directory, "secrets", name), "utf8").trim();
  try {
    await lookInto({
      ...bucket,
      name: component,
      credentials: async () => ({ accessKeyId: secretIn(accessKey), secretAccessKey: secretIn(secretKey) }),
      timeLimit,
    });
    return [];
  } catch (error) {
    const hint =
      error instanceof StackError && error.code === "store-credentials"
        ? `write the right keys to secrets/${accessKey} and secrets/${secretKey}, then ./prod.sh start`
        : "look at the bucket's provider; apps that use it fail meanwhile";
    const message = messageOf(error).replace(/^destination /, "");
    return [{ subject: component, message: `bucket ${bucket.bucket}: ${message}`, hint }];
  }
}
