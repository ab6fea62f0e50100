import type { ConfigFile, SecretFile } from "../../stack/model.ts";
import { formatSize, parseSize } from "../../support/units.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { type Grant, planBuckets } from "../object-storage/buckets.ts";
import { connectionsOf, loginOf } from "../object-storage/connections.ts";
import { monitoring, monitorOf, monitorPolicy } from "./metrics.ts";
import { type MinioOptions, minioOptions, nameProblem } from "./options.ts";
import { policyOf } from "./policy.ts";
import { namesOf, policyFile, serverService, setupService, shellCommand, volumeOwnerService } from "./services.ts";

/** Below this the server is killed by its first parallel uploads. */
const smallestMemory = 128 * 1024 ** 2;

const about = "S3 object storage";

export const component: Component<MinioOptions> = {
  type: "minio",
  about,
  options: minioOptions,
  questions: [
    {
      path: ["buckets"],
      message: "Buckets",
      kind: "list",
      default: "uploads",
      validate: nameProblem,
    },
    {
      path: ["limits", "memory"],
      message: "Memory for object storage",
      kind: "input",
      default: "512m",
      validate: (answer) => memoryProblem(parseSize(answer)),
    },
  ],
  contribute,
};

function contribute(options: MinioOptions, use: ComponentUse): Contribution {
  const { key } = use;
  const names = namesOf(key);
  const { buckets, grants, problems } = planBuckets(options, use, nameProblem);
  const needsSetup = buckets.length > 0 || use.monitored;
  const more = use.monitored ? monitoring(use) : undefined;
  const monitor = use.monitored && monitorOf(key);
  const config = (name: string, content: string, mode: ConfigFile["mode"]) => ({
    path: `${names.config}/${name}`,
    content,
    mode,
  });
  const tooSmall = memoryProblem(options.limits.memory);
  return {
    services: [
      volumeOwnerService(key),
      serverService(key, about, options, use.monitored),
      ...(needsSetup ? [setupService(key, options, grants, use.monitored)] : []),
    ],
    volumes: [{ name: names.data, about: `Objects of ${key}` }],
    networks: [{ name: key, about: `Apps that use ${key}`, internal: true }, ...(more?.networks ?? [])],
    secrets: [...secretsOf(key, grants), ...(more?.secrets ?? [])],
    files: needsSetup
      ? [
          config("setup.sh", use.template("minio/setup.sh.hbs", { key, ...names, buckets, grants, monitor }), 0o755),
          ...grants.map((grant) => config(policyFile(grant.app), policyText(policyOf(grant)), 0o644)),
          ...(monitor ? [config(policyFile(monitor.accessKey), policyText(monitorPolicy), 0o644)] : []),
        ]
      : [],
    connections: connectionsOf(
      {
        key,
        endpoint: `http://${key}:9000`,
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
        : [{ service: key, host: options.host, path: "/", port: 9000, uploads: true, at: ["host"] }],
    shortcuts: [
      {
        verb: "mc",
        service: key,
        command: shellCommand(key),
        about: `S3 shell of ${key} as its root user; the server is "local"`,
      },
    ],
    dataSources: [
      {
        name: key,
        kind: "object-store",
        service: key,
        volume: names.data,
        port: 9000,
        network: key,
        userSecret: names.rootUser,
        passwordSecret: names.rootPassword,
        target: "/data",
      },
    ],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: tooSmall === undefined ? problems : [...problems, { path: ["limits", "memory"], message: tooSmall }],
  };
}

function policyText(policy: object): string {
  return `${JSON.stringify(policy, null, 2)}\n`;
}

function secretsOf(key: string, grants: readonly Grant[]): SecretFile[] {
  const names = namesOf(key);
  const random = (name: string, description: string): SecretFile => ({
    name,
    about: description,
    mode: 0o444,
    kind: "random",
    encoding: "hex",
  });
  return [
    random(names.rootUser, `Name of the root user of ${key}`),
    random(names.rootPassword, `Password of the root user of ${key}`),
    ...grants.map((grant) =>
      random(grant.secret, `Secret key of ${grant.accessKey}, the access key of ${grant.app} at ${key}`),
    ),
  ];
}

function memoryProblem(bytes: number | undefined): string | undefined {
  if (bytes === undefined) return "expected a size such as 512m or 1g";
  return bytes < smallestMemory ? `object storage needs at least ${formatSize(smallestMemory)} of memory` : undefined;
}
