import { didYouMean } from "../../support/suggest.ts";
import type { ComponentUse, OptionProblem, UsedBy } from "../component.ts";
import { type BucketOptions, bucketNameProblem, type MinioOptions } from "./options.ts";

/** The access key of one app, and the buckets that it opens. */
export interface Grant {
  app: string;
  /** The app has the plain names from another component of this type. */
  further?: true;
  buckets: string[];
  /** Access key and name of its policy. */
  accessKey: string;
  /** Secret with the secret key. */
  secret: string;
}

export interface BucketPlan {
  buckets: BucketOptions[];
  grants: Grant[];
  problems: OptionProblem[];
}

/**
 * Decides which buckets there are and which app opens which. An app that names buckets (`minio/uploads`) gets those;
 * otherwise it gets all that are listed or, where none are listed, one of its own.
 */
export function planBuckets(
  options: Pick<MinioOptions, "buckets">,
  use: Pick<ComponentUse, "key" | "usedBy">,
): BucketPlan {
  const plan: BucketPlan = { buckets: [], grants: [], problems: [] };
  for (const bucket of options.buckets ?? []) {
    if (plan.buckets.some((other) => other.name === bucket.name))
      plan.problems.push({
        path: ["buckets"],
        message: `bucket "${bucket.name}" is listed twice`,
        hint: "remove one of them",
      });
    else plan.buckets.push(bucket);
  }
  const listed = options.buckets && plan.buckets.map((bucket) => bucket.name);
  for (const { key: app, part, further } of use.usedBy) {
    const wanted = part === undefined ? (listed ?? [app]) : [part];
    const problem = wanted
      .map((name) => bucketProblem(use.key, app, part, name, listed))
      .find((found) => found !== undefined);
    if (problem !== undefined) plan.problems.push({ path: ["buckets"], ...problem });
    else addGrant(plan, use.key, { key: app, ...(further && { further }) }, wanted);
  }
  return plan;
}

function bucketProblem(
  key: string,
  app: string,
  part: string | undefined,
  name: string,
  listed: readonly string[] | undefined,
): { message: string; hint: string } | undefined {
  if (listed !== undefined)
    return listed.includes(name)
      ? undefined
      : { message: `${app} uses ${key}/${name}, which is not among the buckets`, hint: didYouMean(name, listed) };
  const wrong = bucketNameProblem(name);
  if (wrong === undefined) return undefined;
  const where =
    part === undefined ? `name one in the uses of ${app}: ${key}/${app}-files` : `rename it in the uses of ${app}`;
  return { message: `the bucket for ${app} cannot be made: ${wrong}`, hint: where };
}

function addGrant(plan: BucketPlan, key: string, { key: app, further }: UsedBy, buckets: readonly string[]): void {
  for (const name of buckets) {
    if (!plan.buckets.some((bucket) => bucket.name === name))
      plan.buckets.push({ name, versioning: false, public: false });
  }
  const known = plan.grants.find((grant) => grant.app === app);
  if (known === undefined)
    plan.grants.push({
      app,
      ...(further && { further }),
      buckets: [...buckets],
      accessKey: `${key}-${app}`,
      secret: `${key}_${app}`,
    });
  else known.buckets = [...new Set([...known.buckets, ...buckets])];
}

/** What an app's access key may do: everything with the objects of its buckets, nothing with other buckets or users. */
export function policyOf(grant: Pick<Grant, "buckets">): object {
  const names = grant.buckets.map((bucket) => `arn:aws:s3:::${bucket}`);
  return {
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: [
          "s3:GetBucketLocation",
          "s3:GetBucketVersioning",
          "s3:ListBucket",
          "s3:ListBucketMultipartUploads",
          "s3:ListBucketVersions",
        ],
        Resource: names,
      },
      {
        Effect: "Allow",
        Action: [
          "s3:AbortMultipartUpload",
          "s3:DeleteObject",
          "s3:DeleteObjectTagging",
          "s3:DeleteObjectVersion",
          "s3:GetObject",
          "s3:GetObjectTagging",
          "s3:GetObjectVersion",
          "s3:ListMultipartUploadParts",
          "s3:PutObject",
          "s3:PutObjectTagging",
        ],
        Resource: names.map((name) => `${name}/*`),
      },
    ],
  };
}
