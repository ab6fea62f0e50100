import type { SecretFile } from "../../stack/model.ts";
import type { Contribution, Question } from "../component.ts";
import { randomSecret } from "../random-secret.ts";
import { memoryQuestion, type SmallestMemory } from "../smallest-memory.ts";
import { bucketNameProblem, type Grant } from "./buckets.ts";
import { connectionsOf, type Login, loginOf } from "./connections.ts";

/** A server of the stack that speaks S3, as those that use it see it. */
interface S3Server {
  key: string;
  port: number;
  /** One-shot that makes buckets and access keys. */
  setup: string;
  /** Public host name. */
  host?: string | undefined;
  region?: string;
}

/** What every S3 server adds for those that use it: its network, what apps are told, the way in from outside. */
export function wayIn(
  { key, port, setup, host, region }: S3Server,
  grants: readonly Grant[],
  toLogin: (grant: Grant) => Login = loginOf,
): Required<Pick<Contribution, "networks" | "connections" | "routeNeeds">> {
  return {
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }],
    connections: connectionsOf(
      {
        key,
        endpoint: `http://${key}:${port}`,
        ...(host !== undefined && { publicEndpoint: `https://${host}` }),
        network: key,
        dependsOn: [
          { service: key, condition: "service_healthy" },
          { service: setup, condition: "service_completed_successfully" },
        ],
        ...(region !== undefined && { region }),
      },
      grants.map(toLogin),
    ),
    routeNeeds: host === undefined ? [] : [{ service: key, host, path: "/", port, uploads: true, at: ["host"] }],
  };
}

/** The secret key of each app. */
export function secretKeys(key: string, grants: readonly Grant[]): SecretFile[] {
  return grants.map((grant) =>
    randomSecret(grant.secret, `Secret key of ${grant.accessKey}, the access key of ${grant.app} at ${key}`),
  );
}

/** What is asked when a stack with an S3 server is made. */
export function storageQuestions(
  smallest: SmallestMemory,
  memory: string,
  nameProblem = bucketNameProblem,
): Question[] {
  return [
    { path: ["buckets"], message: "Buckets", kind: "list", default: "uploads", validate: nameProblem },
    memoryQuestion(smallest, memory, "object storage"),
  ];
}
