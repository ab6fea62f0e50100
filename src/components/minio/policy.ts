import type { Grant } from "../object-storage/buckets.ts";

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
