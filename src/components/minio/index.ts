import type { ConfigFile, SecretFile } from "../../stack/model.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { type Grant, planBuckets } from "../object-storage/buckets.ts";
import { secretKeys, storageQuestions, wayIn } from "../object-storage/server.ts";
import { volumeOwnerService } from "../object-storage/volume-owner.ts";
import { randomSecret } from "../random-secret.ts";
import { memoryProblems, type SmallestMemory } from "../smallest-memory.ts";
import { monitoring, monitorOf, monitorPolicy } from "./metrics.ts";
import { type MinioOptions, minioOptions, nameProblem } from "./options.ts";
import { policyOf } from "./policy.ts";
import { namesOf, policyFile, s3Port, serverService, setupService, shellCommand, user } from "./services.ts";

/** Below this the server is killed by its first parallel uploads. */
const smallest: SmallestMemory = { name: "object storage", bytes: 128 * 1024 ** 2 };

const about = "S3 object storage";

export const component: Component<MinioOptions> = {
  type: "minio",
  about,
  options: minioOptions,
  questions: storageQuestions(smallest, "512m", nameProblem),
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
  const { networks, ...reached } = wayIn({ key, port: s3Port, setup: names.setup, host: options.host }, grants);
  return {
    services: [
      volumeOwnerService(key, names.volumeOwner, user, [[names.data, "/data"]]),
      serverService(key, about, options, use.monitored),
      ...(needsSetup ? [setupService(key, options, grants, use.monitored)] : []),
    ],
    volumes: [{ name: names.data, about: `Objects of ${key}` }],
    networks: [...networks, ...(more?.networks ?? [])],
    secrets: [...secretsOf(key, grants), ...(more?.secrets ?? [])],
    files: needsSetup
      ? [
          config("setup.sh", use.template("minio/setup.sh.hbs", { key, ...names, buckets, grants, monitor }), 0o755),
          ...grants.map((grant) => config(policyFile(grant.app), policyText(policyOf(grant)), 0o644)),
          ...(monitor ? [config(policyFile(monitor.accessKey), policyText(monitorPolicy), 0o644)] : []),
        ]
      : [],
    ...reached,
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
        port: s3Port,
        network: key,
        userSecret: names.rootUser,
        passwordSecret: names.rootPassword,
        target: "/data",
      },
    ],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: [...problems, ...memoryProblems(smallest, options.limits)],
  };
}

function policyText(policy: object): string {
  return `${JSON.stringify(policy, null, 2)}\n`;
}

function secretsOf(key: string, grants: readonly Grant[]): SecretFile[] {
  const names = namesOf(key);
  return [
    randomSecret(names.rootUser, `Name of the root user of ${key}`),
    randomSecret(names.rootPassword, `Password of the root user of ${key}`),
    ...secretKeys(key, grants),
  ];
}
