import type { SecretFile } from "../../stack/model.ts";
import { type SecretText, secret, secretText } from "../../stack/secret-text.ts";
import type { BucketOptions, Grant } from "../object-storage/buckets.ts";
import { secretKeys } from "../object-storage/server.ts";
import { randomSecret } from "../random-secret.ts";
import { namesOf } from "./services.ts";

/** What an app may do in its buckets: everything with objects, nothing with buckets or users. */
const appActions = ["Read", "Write", "List", "Tagging"];

/** Secrets of the server, among them the file in which it finds who may do what. */
export function secretsOf(key: string, buckets: readonly BucketOptions[], grants: readonly Grant[]): SecretFile[] {
  const names = namesOf(key);
  return [
    randomSecret(names.adminKey, `Access key of the administrator of ${key}`),
    randomSecret(names.adminSecret, `Secret key of the administrator of ${key}`),
    ...secretKeys(key, grants),
    {
      name: names.identities,
      about: `Who may do what at ${key}, with the keys above, as the server reads it`,
      mode: 0o444,
      kind: "composed",
      content: identities(key, buckets, grants),
    },
    {
      name: names.certificate,
      about: `certificate that closes a port of ${key} that nobody needs and that asks for no password`,
      mode: 0o444,
      kind: "certificate",
      hosts: [key],
      keyName: names.certificateKey,
      authorityName: names.authority,
    },
  ];
}

/** https://github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API. Without any identity the server would let everybody do everything. */
function identities(key: string, buckets: readonly BucketOptions[], grants: readonly Grant[]): SecretText {
  const names = namesOf(key);
  const open = buckets.filter((bucket) => bucket.public).map(({ name }) => `Read:${name}`);
  const all = [
    identity("administrator", [secret(names.adminKey, "json")], names.adminSecret, ["Admin"]),
    ...grants.map((grant) =>
      identity(
        grant.app,
        [grant.accessKey],
        grant.secret,
        grant.buckets.flatMap((bucket) => appActions.map((action) => `${action}:${bucket}`)),
      ),
    ),
    ...(open.length > 0 ? [secretText`    {"name": "anonymous", "actions": ${JSON.stringify(open)}}`] : []),
  ];
  const lines = all.flatMap((each, index) => [...each, index < all.length - 1 ? ",\n" : "\n"]);
  return secretText`{\n  "identities": [\n${lines}  ]\n}\n`;
}

function identity(name: string, accessKey: SecretText, secretKey: string, actions: readonly string[]): SecretText {
  const credentials = secretText`{"accessKey": "${accessKey}", "secretKey": "${secret(secretKey, "json")}"}`;
  return secretText`    {"name": "${name}", "credentials": [${credentials}], "actions": ${JSON.stringify(actions)}}`;
}
