import { secret, secretText } from "../../stack/secret-text.ts";
import type { Component, ComponentUse, Contribution } from "../component.ts";
import { type Grant, planBuckets } from "../object-storage/buckets.ts";
import { type Login, loginOf } from "../object-storage/connections.ts";
import { secretKeys, storageQuestions, wayIn } from "../object-storage/server.ts";
import { volumeOwnerService } from "../object-storage/volume-owner.ts";
import { randomSecret } from "../random-secret.ts";
import { memoryProblems, type SmallestMemory } from "../smallest-memory.ts";
import { monitoring } from "./metrics.ts";
import { type GarageOptions, garageOptions } from "./options.ts";
import { runbookNote } from "./runbook.ts";
import {
  adminPort,
  dataFolder,
  metadataService,
  metaFolder,
  namesOf,
  region,
  s3Port,
  serverService,
  setupService,
  user,
} from "./services.ts";

const smallest: SmallestMemory = { name: "Garage", bytes: 128 * 1024 ** 2 };

const about = "S3 object storage by Garage";

export const component: Component<GarageOptions> = {
  type: "garage",
  about,
  namesLike: "minio",
  options: garageOptions,
  questions: storageQuestions(smallest, "256m"),
  contribute,
};

function contribute(options: GarageOptions, use: ComponentUse): Contribution {
  const { key, monitored } = use;
  const names = namesOf(key);
  const { buckets, grants, problems } = planBuckets(options, use);
  const { networks, ...reached } = wayIn(
    { key, port: s3Port, setup: names.setup, host: options.host, region },
    grants,
    garageLogin,
  );
  const more = monitored ? monitoring(use) : undefined;
  const needsSetup = buckets.length > 0;
  const script = (name: string, content: string) => ({
    path: `${names.config}/${name}`,
    content,
    mode: 0o755 as const,
  });
  return {
    services: [
      volumeOwnerService(key, names.volumeOwner, user, [
        [names.meta, "/meta"],
        [names.data, "/data"],
      ]),
      metadataService(key),
      serverService(key, about, options, monitored),
      ...(needsSetup ? [setupService(key, grants)] : []),
    ],
    volumes: [
      { name: names.meta, about: `Names, keys and places of the objects of ${key}` },
      { name: names.data, about: `Objects of ${key}, and snapshots of their names` },
    ],
    networks: [...networks, ...(more?.networks ?? [])],
    secrets: [
      randomSecret(names.rpcSecret, `Secret by which ${key} knows its own commands`),
      randomSecret(names.adminToken, `Token of the administrator of ${key}`),
      randomSecret(names.metricsToken, `Token with which the metrics of ${key} are read`),
      ...secretKeys(key, grants),
    ],
    files: [
      {
        path: `${names.config}/garage.toml`,
        content: use.template("garage/garage.toml.hbs", {
          metaFolder,
          dataFolder,
          region,
          s3Port,
          adminPort,
          bufferMegabytes: Math.floor(options.limits.memory / 4 / 1024 ** 2),
        }),
        mode: 0o644,
      },
      script("metadata.sh", use.template("garage/metadata.sh.hbs", { key, metaFolder, dataFolder })),
      ...(needsSetup
        ? [
            script(
              "setup.sh",
              use.template("garage/setup.sh.hbs", {
                key,
                adminPort,
                metaFolder,
                dataFolder,
                ...names,
                buckets,
                grants,
              }),
            ),
          ]
        : []),
    ],
    ...reached,
    shortcuts: [
      { verb: "garage", service: key, command: ["/garage"], about: `administers ${key}: bucket list, key list, stats` },
    ],
    dataSources: [
      {
        name: key,
        kind: "volume",
        service: key,
        volume: names.data,
        // What it stores never changes; only the list of it does, and of that there is a snapshot in the volume.
        consistency: { kind: "exec", before: ["/garage", "meta", "snapshot"] },
        follows: [{ service: key, volume: names.meta }],
      },
    ],
    runbook: [runbookNote(key)],
    ...(more && { scrapes: more.scrapes, alertRules: more.alertRules, dashboards: more.dashboards }),
    problems: [...problems, ...memoryProblems(smallest, options.limits)],
  };
}

/**
 * Garage gives an access key no other secret key later on. So the hash of the secret key is part of the access key: a
 * changed secret is another access key, and the set-up closes the one before.
 */
function garageLogin(grant: Grant): Login {
  return { ...loginOf(grant), accessKey: secretText`${grant.accessKey}-${secret(grant.secret, "sha256")}` };
}
