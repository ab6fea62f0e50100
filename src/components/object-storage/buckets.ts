import { z } from "zod";
import { didYouMean } from "../../support/suggest.ts";
import type { ComponentUse, OptionProblem, UsedBy } from "../component.ts";

/** One bucket that stack.yaml names. */
export interface BucketOptions {
  name: string;
  versioning: boolean;
  public: boolean;
}

/** The access key of one app, and the buckets that it opens. */
export interface Grant {
  app: string;
  /** The app has the plain names from another component that speaks S3. */
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

/** What is wrong with a bucket's name, or undefined. */
export function bucketNameProblem(text: string): string | undefined {
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(text) || /\.\.|\.-|-\./.test(text) || /^[\d.]+$/.test(text))
    return `expected the name of a bucket: 3 to 63 lower-case letters, digits, "-" and "."`;
  return undefined;
}

/** The name of a bucket in stack.yaml. `problem`: what a server refuses beyond the usual rules. */
export function bucketName(problem = bucketNameProblem) {
  return z.string({ error: "expected the name of a bucket" }).superRefine((text, context) => {
    const found = problem(text);
    if (found !== undefined) context.addIssue({ code: "custom", message: found });
  });
}

/** A bucket in stack.yaml, by its name or with what can be set for it. */
export function bucketOptions(problem = bucketNameProblem) {
  return z.union([
    bucketName(problem).transform((text): BucketOptions => ({ name: text, versioning: false, public: false })),
    z.strictObject({
      name: bucketName(problem).describe("Name of the bucket"),
      versioning: z.boolean().default(false).describe("Keep former versions of an object, and deleted ones"),
      public: z.boolean().default(false).describe("Anybody who reaches the server may read its objects"),
    }),
  ]);
}

/**
 * Decides which buckets there are and which app opens which. An app that names buckets (`minio/uploads`) gets those;
 * otherwise it gets all that are listed or, where none are listed, one of its own.
 */
export function planBuckets(
  options: { buckets?: BucketOptions[] | undefined },
  use: Pick<ComponentUse, "key" | "usedBy">,
  nameProblem = bucketNameProblem,
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
      .map((name) => bucketProblem(use.key, app, part, name, listed, nameProblem))
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
  nameProblem: (text: string) => string | undefined,
): { message: string; hint: string } | undefined {
  if (listed !== undefined)
    return listed.includes(name)
      ? undefined
      : { message: `${app} uses ${key}/${name}, which is not among the buckets`, hint: didYouMean(name, listed) };
  const wrong = nameProblem(name);
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
