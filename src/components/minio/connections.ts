import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import type { Grant } from "./buckets.ts";
import type { MinioOptions } from "./options.ts";
import { namesOf } from "./services.ts";

/** The server names no region; clients want one, and this is the one that it takes requests for. */
const region = "us-east-1";

/** What each app is told: names for libraries that are configured by hand, and those that AWS's own read by themselves. */
export function connectionsOf(
  key: string,
  options: Pick<MinioOptions, "host">,
  grants: readonly Grant[],
): Connection[] {
  return grants.map((grant) => ({
    app: grant.app,
    from: key,
    variables: withPrefix([grant.further && key], variablesOf(key, options, grant)),
    network: key,
    dependsOn: [
      { service: key, condition: "service_healthy" },
      { service: namesOf(key).setup, condition: "service_completed_successfully" },
    ],
  }));
}

function variablesOf(key: string, options: Pick<MinioOptions, "host">, grant: Grant): Record<string, SecretText> {
  const endpoint = secretText`http://${key}:9000`;
  const accessKey = secretText`${grant.accessKey}`;
  const secretKey = secretText`${secret(grant.secret)}`;
  return {
    S3_ENDPOINT: endpoint,
    ...(options.host !== undefined && { S3_PUBLIC_ENDPOINT: secretText`https://${options.host}` }),
    S3_REGION: secretText`${region}`,
    S3_ACCESS_KEY_ID: accessKey,
    S3_SECRET_ACCESS_KEY: secretKey,
    S3_BUCKET: secretText`${grant.buckets[0] ?? ""}`,
    S3_BUCKETS: secretText`${grant.buckets.join(",")}`,
    S3_FORCE_PATH_STYLE: secretText`true`,
    // Of S3 alone: other services of AWS that the app talks to keep their own address.
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_REGION: secretText`${region}`,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
  };
}
