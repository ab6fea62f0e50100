import { formatSize, parseSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { bucketNameProblem, planBuckets } from "../object-storage/buckets.ts";
import { connectionsOf, loginOf } from "../object-storage/connections.ts";
import { monitoring } from "./metrics.ts";
import { type SeaweedfsOptions, seaweedfsOptions } from "./options.ts";
import { secretsOf } from "./secrets.ts";
import { namesOf, s3Port, serverService, setupService } from "./services.ts";

/** It takes 300 MB with nothing to do, and is killed at 384 MB by a few objects of 10 MB. */
const smallestMemory = 512 * 1024 ** 2;

const about = "S3 object storage by SeaweedFS";

export const component: Component<SeaweedfsOptions> = {
  type: "seaweedfs",
  about,
  namesLike: "minio",
  options: seaweedfsOptions,
  questions: [
    { path: ["buckets"], message: "Buckets", kind: "list", default: "uploads", validate: bucketNameProblem },
    {
      path: ["limits", "memory"],
      message: "Memory for object storage",
      kind: "input",
      default: "768m",
      validate: (answer) => memoryProblem(parseSize(answer)),
    },
  ],
  contribute,
};

function contribute(options: SeaweedfsOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = namesOf(key);
  const { buckets, grants, problems } = planBuckets(options, use);
  const needsSetup = buckets.length > 0;
  const more = monitored ? monitoring(use) : undefined;
  const tooSmall = memoryProblem(options.limits.memory);
  const values = {
    key,
    port: s3Port,
    ...names,
    buckets,
    grants: grants.map((grant) => ({ ...grant, bucket: grant.buckets[0] })),
  };
  return {
    services: [
      serverService(key, about, options, { grants, buckets, monitored }),
      ...(needsSetup ? [setupService(key, options, grants)] : []),
    ],
    volumes: [{ name: names.data, about: `Objects of ${key}` }],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: secretsOf(key, buckets, grants),
    files: [
      ...(needsSetup
        ? [
            {
              path: `${names.config}/setup.sh`,
              content: use.template("seaweedfs/setup.sh.hbs", values),
              mode: 0o755 as const,
            },
          ]
        : []),
    ],
    connections: connectionsOf(
      {
        key,
        endpoint: `http://${key}:${s3Port}`,
        ...(options.host !== undefined && { publicEndpoint: `https://${options.host}` }),
        network: key,
        dependsOn: [
          { service: key, condition: "service_healthy" },
          { service: names.setup, condition: "service_completed_successfully" },
        ],
      },
      grants.map(loginOf),
    ),
    routeNeeds:
      options.host === undefined
        ? []
        : [{ service: key, host: options.host, path: "/", port: s3Port, uploads: true, at: ["host"] }],
    shortcuts: [
      {
        verb: "weed",
        service: key,
        command: ["weed", "shell", "-master=127.0.0.1:9333", "-filer=127.0.0.1:8888"],
        about: `shell of ${key}; it asks for no password`,
      },
    ],
    dataSources: [
      {
        name: key,
        kind: "object-store",
        service: key,
        volume: names.data,
        port: s3Port,
        network: key,
        userSecret: names.adminKey,
        passwordSecret: names.adminSecret,
        target: "/data",
        client: "curl",
      },
    ],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: tooSmall === undefined ? problems : [...problems, { path: ["limits", "memory"], message: tooSmall }],
  };
}

function memoryProblem(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return "expected a size such as 512m or 1g";
  return bytes < smallestMemory ? `SeaweedFS needs at least ${formatSize(smallestMemory)} of memory` : undefined;
}
