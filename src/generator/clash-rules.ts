import type { ContributionOf } from "../components/component.ts";
import type { SecretFile, StackModel } from "../stack/model.ts";
import type { FoundProblem } from "./rules.ts";

/** Who made something of a name first. Says so when somebody else comes with the same name. */
class Owners {
  private readonly owners = new Map<string, string>();

  /** The earlier owner where it is another one. */
  claim(name: string, owner: string): string | undefined {
    const earlier = this.owners.get(name);
    if (earlier === undefined) this.owners.set(name, owner);
    return earlier === owner ? undefined : earlier;
  }
}

const longestName = 63;

/** A service's name is also its host name, which DNS limits. */
export function serviceNamesFit(model: StackModel): FoundProblem[] {
  const tooLong = model.services.filter((service) => service.name.length > longestName);
  return tooLong.map((service) => ({
    path: ["components", service.component],
    message: `${service.component} makes a service named ${service.name}, which is longer than ${longestName} letters`,
    hint: "give the component a shorter name",
  }));
}

export function serviceNamesAreUnique(model: StackModel): FoundProblem[] {
  const owners = new Owners();
  return model.services.flatMap((service) =>
    clash(owners.claim(service.name, service.component), service.component, `make a service named ${service.name}`),
  );
}

/** Two volumes of one name would be one volume with the data of both. */
export function volumesAreUnique(_: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  const owners = new Owners();
  return contributions.flatMap(({ key, contribution }) => {
    const names = (contribution.volumes ?? []).map((volume) => volume.name);
    const twice = names.filter((name, index) => names.indexOf(name) < index);
    return [
      ...[...new Set(names)].flatMap((name) => clash(owners.claim(name, key), key, `make a volume named ${name}`)),
      ...twice.map((name) => ({
        path: ["components", key, "volumes"],
        message: `${key} names two volumes ${name}`,
        hint: "rename one of them",
      })),
    ];
  });
}

/** A network that two components name is one network only if both mean the same by it. */
export function networksAgree(_: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  const meanings = new Map<string, { key: string; meaning: string }>();
  return contributions.flatMap(({ key, contribution }) =>
    (contribution.networks ?? []).flatMap((network): FoundProblem[] => {
      const meaning = JSON.stringify([network.internal, network.about]);
      const known = meanings.get(network.name);
      if (known === undefined) meanings.set(network.name, { key, meaning });
      if (known === undefined || known.meaning === meaning) return [];
      const named = key === network.name ? key : known.key;
      return [
        {
          path: ["components", named],
          message: `the name ${network.name} is needed for a network of the stack's own`,
          hint: `rename the component, for example to ${named}-db`,
        },
      ];
    }),
  );
}

export function filesAreUnique(_: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  const owners = new Owners();
  return contributions.flatMap(({ key, type, contribution }) =>
    (contribution.files ?? []).flatMap((file) => {
      const other = owners.claim(file.path, key);
      if (other === undefined) return [];
      return [
        {
          path: ["components", key],
          message: `${other} and ${key} both write ${file.path}: a stack can have one ${type}`,
          hint: "remove one of them",
        },
      ];
    }),
  );
}

/** A name under secrets/ stands for one value. Apps may name one that the stack makes at random, and share what the user supplies. */
export function secretsAreUnique(_: StackModel, contributions: readonly ContributionOf[]): FoundProblem[] {
  const all = contributions.flatMap(({ key, contribution }) =>
    (contribution.secrets ?? []).flatMap((file) => namesOf(file).map((name) => ({ key, name, kind: file.kind }))),
  );
  const makers = new Map<string, (typeof all)[number]>();
  const found: FoundProblem[] = [];
  for (const made of all.filter((entry) => entry.kind !== "supplied")) {
    const other = makers.get(made.name);
    if (other !== undefined && other.key !== made.key)
      found.push(...clash(other.key, made.key, `make a secret named ${made.name}`));
    makers.set(made.name, made);
  }
  for (const wanted of all.filter((entry) => entry.kind === "supplied")) {
    const maker = makers.get(wanted.name);
    if (maker === undefined || maker.kind === "random") continue;
    found.push({
      path: ["components", wanted.key, "secrets"],
      message: `secrets/${wanted.name} is written by the stack for ${maker.key}`,
      hint: "choose another name for the file",
    });
  }
  return found;
}

function namesOf(file: SecretFile): string[] {
  return file.kind === "certificate" ? [file.name, file.keyName] : [file.name];
}

function clash(other: string | undefined, key: string, what: string): FoundProblem[] {
  if (other === undefined) return [];
  return [{ path: ["components", key], message: `${other} and ${key} both ${what}`, hint: "rename one of them" }];
}

/** Docker refuses two mounts at one place, and any over the whole file system. */
export function mountTargetsAreUnique(model: StackModel): FoundProblem[] {
  const told = new Set<string>();
  return model.services.flatMap((service) => {
    const targets = [...service.mounts, ...service.tmpfs].map(({ target }) => target.replace(/(?<=.)\/+$/, ""));
    const wrong = targets.filter((target, index) => target === "/" || targets.indexOf(target) < index);
    return wrong.flatMap((target) => {
      const id = `${service.component} ${target}`;
      if (told.has(id)) return [];
      told.add(id);
      const message =
        target === "/"
          ? `${service.component} mounts something over its whole file system (/)`
          : `${service.component} mounts two things at ${target}`;
      const hint = target === "/tmp" ? "/tmp is always there, in memory; remove yours" : "choose another path";
      return [{ path: ["components", service.component, "volumes"], message, hint }];
    });
  });
}
