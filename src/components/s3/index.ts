import type { ExternalBucket, SecretFile } from "../../stack/model.ts";
import { secret } from "../../stack/secret-text.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { bucketNameProblem, type Grant, planBuckets } from "../object-storage/buckets.ts";
import { connectionsOf } from "../object-storage/connections.ts";
import { type S3Options, s3Options } from "./options.ts";

export const component: Component<S3Options> = {
  type: "s3",
  about: "S3 object storage elsewhere: AWS, Cloudflare R2, Hetzner, …",
  namesLike: "minio",
  options: s3Options,
  questions: [
    { path: ["buckets"], message: "Buckets that apps use", kind: "list", validate: bucketNameProblem },
    { path: ["region"], message: "Region of the buckets", kind: "input", default: "us-east-1" },
    {
      path: ["endpoint"],
      message: "Address of the S3 server (none: AWS)",
      kind: "input",
      default: "none",
      optional: true,
    },
  ],
  contribute,
};

/** Nothing of it runs here: apps reach it over their own way out. */
function contribute(options: S3Options, use: ComponentUse): Contribution {
  const { key } = use;
  const { endpoint, region } = options;
  const pathStyle = options.pathStyle ?? endpoint !== undefined;
  const listed = options.buckets.map((name) => ({ name, versioning: false, public: false }));
  const { grants, problems } = planBuckets({ buckets: listed }, use);
  const logins = grants.map((grant) => ({ ...grant, keys: keysOf(key, options, grant) }));
  const address = endpoint ?? `https://s3.${region}.amazonaws.com`;
  const opened = logins.flatMap(({ keys, buckets }) =>
    buckets.map(
      (bucket): Omit<ExternalBucket, "component"> => ({
        bucket,
        ...(endpoint !== undefined && { endpoint }),
        region,
        pathStyle,
        ...keys,
      }),
    ),
  );
  return {
    networks: [{ name: "apps", about: "apps among themselves, and their way out to the internet", internal: false }],
    secrets: unique(
      logins.flatMap(({ keys, app }) => secretsOf(key, keys, options.keys === "shared" ? undefined : app)),
    ),
    connections: connectionsOf(
      { key, endpoint: address, network: "apps", dependsOn: [], region, pathStyle },
      logins.map(({ keys, ...grant }) => ({
        ...grant,
        accessKey: [secret(keys.accessKey)],
        secretKey: [secret(keys.secretKey)],
      })),
    ),
    externalBuckets: [...new Map(opened.map((bucket) => [JSON.stringify(bucket), bucket])).values()],
    unprotected: [
      {
        name: key,
        reason: `its buckets are elsewhere (${address.replace(/^https?:\/\//, "")}): versions and copies are switched on there`,
      },
    ],
    problems,
  };
}

/** The secrets with an app's access key and its secret key. */
function keysOf(key: string, { keys }: Pick<S3Options, "keys">, { app }: Pick<Grant, "app">) {
  const start = keys === "shared" ? key : `${key}_${app}`;
  return { accessKey: `${start}_access_key_id`, secretKey: `${start}_secret_access_key` };
}

function secretsOf(key: string, keys: ReturnType<typeof keysOf>, app: string | undefined): SecretFile[] {
  const whose = app === undefined ? "" : ` of ${app}`;
  const supplied = (name: string, about: string): SecretFile => ({ name, about, mode: 0o444, kind: "supplied" });
  return [
    supplied(keys.accessKey, `Access key${whose} at ${key}, from the buckets' provider`),
    supplied(keys.secretKey, `Secret key${whose} at ${key}, from the buckets' provider`),
  ];
}

function unique(secrets: readonly SecretFile[]): SecretFile[] {
  return [...new Map(secrets.map((file) => [file.name, file])).values()];
}
