import type { Consistency } from "../../stack/data-source.ts";
import type { HardeningException, Mount } from "../../stack/service.ts";
import { didYouMean } from "../../support/suggest.ts";
import type { Contribution, ContributionOf, OptionProblem, ServiceNeeds } from "../component.ts";
import type { AppOptions } from "./options.ts";

type AppVolume = AppOptions["volumes"][number];

/** What it has of volumes by itself: they are made, copied and handed over here. One of another component is that one's business. */
export function ownVolumes(app: AppOptions, key: string): Contribution {
  const own = app.volumes.filter(isOwn);
  return {
    services: volumeOwner(app, key),
    volumes: own.map(({ name, path }) => ({ name: `${key}-${name}`, about: `${path} of ${key}` })),
    dataSources: own.flatMap(({ name, backup }) =>
      backup === "none" ? [] : [volumeSource(key, `${key}-${name}`, backup)],
    ),
    unprotected: own
      .filter(({ backup }) => backup === "none")
      .map(({ name }) => ({ name: `${key}-${name}`, reason: "stack.yaml says `backup: none`" })),
  };
}

function isOwn({ of }: AppVolume): boolean {
  return of === undefined;
}

function volumeSource(service: string, volume: string, backup: Exclude<AppVolume["backup"], "none">) {
  const consistency: Consistency =
    typeof backup === "string"
      ? { kind: backup }
      : { kind: "exec", before: backup.before, ...(backup.after && { after: backup.after }) };
  return { name: volume, kind: "volume" as const, service, volume, consistency };
}

export function volumeMounts({ volumes }: AppOptions, key: string): Mount[] {
  return volumes.map(({ name, path, of = key, readOnly }) => ({
    kind: "volume",
    volume: `${of}-${name}`,
    target: path,
    readOnly,
  }));
}

/** A fresh volume belongs to root; an app with a user of its own gets it handed over first. */
export function volumeOwner(app: AppOptions, key: string): ServiceNeeds[] {
  const own = { ...app, volumes: app.volumes.filter(isOwn).map((volume) => ({ ...volume, readOnly: false })) };
  if (app.user === undefined || own.volumes.length === 0) return [];
  return [
    {
      name: `${key}-setup`,
      about: `gives the volumes of ${key} to its user, then ends`,
      group: "apps",
      class: "one-shot",
      image: "busybox:1.38.0",
      user: "0:0",
      command: ["chown", app.user, ...own.volumes.map(({ path }) => path)],
      mounts: volumeMounts(own, key),
      tmpfs: [],
      networks: [],
      limits: { cpus: 0.25, memory: 32 * 1024 ** 2, pids: 16 },
      exceptions: [
        {
          rule: "drop-capabilities",
          reason: "hands a fresh volume over to the app's user, without a network",
          capabilities: ["CHOWN"],
        },
        { rule: "non-root", reason: "only root may hand over files" },
      ],
    },
  ];
}

/** What follows of volumes that are those of other components: which set-up steps come before, and the excuse for it. */
export function sharedVolumes(
  { volumes }: AppOptions,
  key: string,
  all: readonly ContributionOf[],
): { prepared: string[]; exceptions: HardeningException[] } {
  const shared = volumes.filter(({ of = key }) => of !== key);
  const owners = [...new Set(shared.flatMap(({ of }) => of ?? []))];
  const names = shared.map(({ of, name }) => `${of}-${name}`);
  return {
    prepared: owners.flatMap((owner) =>
      servicesOf(owner, all).flatMap((service) => (service === `${owner}-setup` ? [service] : [])),
    ),
    exceptions:
      names.length === 0
        ? []
        : [
            {
              rule: "shared-volumes",
              reason: `stack.yaml shares ${names.join(", ")}`,
              volumes: names,
            },
          ],
  };
}

function servicesOf(key: string, all: readonly ContributionOf[]): string[] {
  return all
    .filter((entry) => entry.key === key)
    .flatMap(({ contribution }) => contribution.services ?? [])
    .map(({ name }) => name);
}

/** What is wrong with `of:` at volumes. Only apps and services lend theirs: a server's files are its own. */
export function sharedProblems({ volumes }: AppOptions, all: readonly ContributionOf[]): OptionProblem[] {
  const lenders = all.filter(({ type }) => type === "app" || type === "service");
  return volumes.flatMap(({ name, of }, index) => {
    if (of === undefined) return [];
    const path = ["volumes", index, "of"];
    const lender = lenders.find((entry) => entry.key === of);
    if (lender === undefined)
      return [
        {
          path,
          message: `${of} is no app or service of this stack whose volume could be shared`,
          hint: didYouMean(
            of,
            lenders.map((entry) => entry.key),
          ),
        },
      ];
    const there = (lender.contribution.volumes ?? []).map((volume) => volume.name.slice(of.length + 1));
    if (there.includes(name)) return [];
    return [
      {
        path,
        message: `${of} has no volume ${name} of its own`,
        hint: there.length === 0 ? `name one under volumes: of ${of}` : didYouMean(name, there),
      },
    ];
  });
}
