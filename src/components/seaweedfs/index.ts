import type { Component, ComponentUse, Contribution } from "../component.ts";
import { planBuckets } from "../object-storage/buckets.ts";
import { storageQuestions, wayIn } from "../object-storage/server.ts";
import { memoryProblems, type SmallestMemory } from "../smallest-memory.ts";
import { monitoring } from "./metrics.ts";
import { type SeaweedfsOptions, seaweedfsOptions } from "./options.ts";
import { runbookNote } from "./runbook.ts";
import { secretsOf } from "./secrets.ts";
import { inspectCommand, namesOf, s3Port, serverService, setupService } from "./services.ts";

/**
 * Found by trying (4.44, one core): sixteen uploads of 11 MB at once and reading them again works with 512 MB and the limit of
 * uploads that services.ts sets; with 384 MB they get stuck. Without that limit it is killed below 768 MB.
 */
const smallest: SmallestMemory = { name: "SeaweedFS", bytes: 512 * 1024 ** 2 };

const about = "S3 object storage by SeaweedFS";

export const component: Component<SeaweedfsOptions> = {
  type: "seaweedfs",
  about,
  namesLike: "minio",
  options: seaweedfsOptions,
  questions: storageQuestions(smallest, "768m"),
  contribute,
};

function contribute(options: SeaweedfsOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = namesOf(key);
  const { buckets, grants, problems } = planBuckets(options, use);
  const needsSetup = buckets.length > 0;
  const more = monitored ? monitoring(use) : undefined;
  const { networks, ...reached } = wayIn({ key, port: s3Port, setup: names.setup, host: options.host }, grants);
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
    networks: [...networks, ...(more?.networks ?? [])],
    secrets: secretsOf(key, buckets, grants),
    files: [
      {
        path: `${names.config}/inspect.sh`,
        content: use.template("seaweedfs/inspect.sh.hbs", { key }),
        mode: 0o755 as const,
      },
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
    ...reached,
    shortcuts: [
      {
        verb: "weed",
        service: key,
        command: ["weed", "shell", "-master=127.0.0.1:9333", "-filer=127.0.0.1:8888"],
        about: `shell of ${key}; it asks for no password`,
      },
    ],
    inspections: [{ services: [key], command: inspectCommand }],
    runbook: [runbookNote(key)],
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
    problems: [...problems, ...memoryProblems(smallest, options.limits)],
  };
}
