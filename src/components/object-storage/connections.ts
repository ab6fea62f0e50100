import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { Dependency } from "../../stack/service.ts";
import type { Connection } from "../component.ts";
import { withPrefix } from "../prefix.ts";
import type { Grant } from "./buckets.ts";

/** The servers of a stack name no region of their own; clients want one, and this is the one that they take requests for. */
export const usualRegion = "us-east-1";

/** An S3 server as apps see it. */
export interface Storage {
  key: string;
  endpoint: SecretText | string;
  /** Address from outside. */
  publicEndpoint?: string;
  network: string;
  /** Services that an app waits for. */
  dependsOn: Dependency[];
  region?: string;
  /** False: the bucket is part of the host name. */
  pathStyle?: boolean;
}

/** An app's way in: its grant, where the access key is more than a plain name also that. */
export type Login = Pick<Grant, "app" | "further" | "buckets"> & { accessKey: SecretText; secretKey: SecretText };

/** The login that a grant is. */
export function loginOf(grant: Grant): Login {
  return { ...grant, accessKey: [grant.accessKey], secretKey: [secret(grant.secret)] };
}

/** What each app is told: names for libraries that are configured by hand, and those that AWS's own read by themselves. */
export function connectionsOf(storage: Storage, logins: readonly Login[]): Connection[] {
  const { key, network, dependsOn } = storage;
  return logins.map((login) => ({
    app: login.app,
    from: key,
    variables: withPrefix([login.further && key], variablesOf(storage, login)),
    network,
    dependsOn,
  }));
}

function variablesOf(storage: Storage, login: Login): Record<string, SecretText> {
  const { endpoint, publicEndpoint, region = usualRegion, pathStyle = true } = storage;
  const address = secretText`${endpoint}`;
  return {
    S3_ENDPOINT: address,
    ...(publicEndpoint !== undefined && { S3_PUBLIC_ENDPOINT: secretText`${publicEndpoint}` }),
    S3_REGION: secretText`${region}`,
    S3_ACCESS_KEY_ID: login.accessKey,
    S3_SECRET_ACCESS_KEY: login.secretKey,
    S3_BUCKET: secretText`${login.buckets[0] ?? ""}`,
    S3_BUCKETS: secretText`${login.buckets.join(",")}`,
    S3_FORCE_PATH_STYLE: secretText`${String(pathStyle)}`,
    // Of S3 alone: other services of AWS that the app talks to keep their own address.
    AWS_ENDPOINT_URL_S3: address,
    AWS_REGION: secretText`${region}`,
    AWS_ACCESS_KEY_ID: login.accessKey,
    AWS_SECRET_ACCESS_KEY: login.secretKey,
  };
}
