import { dirname } from "node:path";
import { absorbedBy, componentFor, imageOf, isDatabase, isEngineTool, type KnownImage } from "./images.ts";
import type { Role } from "./part.ts";
import type { ReadService } from "./read-service.ts";

export interface ChosenRole {
  role: Role;
  type: string;
  image: KnownImage;
  /** Why it is left out, or why it is no app although it is built here. */
  why?: string;
}

export interface RoleChoice {
  /** Types of the catalogue. */
  types: ReadonlySet<string>;
  /** Services that the caller says are applications of theirs. */
  apps: ReadonlySet<string>;
  project: string;
}

/** Says of each service what it is going to be. */
export function chooseRoles(services: readonly ReadService[], choice: RoleChoice): Map<string, ChosenRole> {
  const images = new Map(
    services.map((service) => [service.name, imageOf(service.image ?? `${choice.project}-${service.name}`)]),
  );
  const found = new Set(
    services.flatMap((service) =>
      service.build === undefined ? (componentFor(images.get(service.name)?.short ?? "") ?? []) : [],
    ),
  );
  const mine = new Set(
    services.flatMap((service) => {
      const name = images.get(service.name)?.name ?? "";
      return service.build !== undefined && name.includes("/") ? [dirname(name)] : [];
    }),
  );
  return new Map(
    services.map((service) => {
      const image = images.get(service.name) ?? imageOf("");
      return [service.name, { image, ...roleOf(service, image, found, mine, choice) }];
    }),
  );
}

function roleOf(
  service: ReadService,
  image: KnownImage,
  found: ReadonlySet<string>,
  mine: ReadonlySet<string>,
  { types, apps, project }: RoleChoice,
): Omit<ChosenRole, "image"> {
  if (apps.has(service.name)) return { role: "app", type: "app" };
  if (service.build !== undefined) return { role: isDatabase(image.short) ? "service" : "app", type: "app" };
  if (service.image === undefined) return { role: "left-out", type: "", why: "it has neither an image nor a build" };
  const type = componentFor(image.short);
  if (type !== undefined && !isOtherwiseUsed(type, image, service, found)) {
    if (types.has(type)) return { role: "component", type };
    if (type === "valkey" && types.has("redis")) return { role: "component", type: "redis" };
  }
  const owner = absorbedBy(image.short).find((each) => found.has(each) && types.has(each));
  if (owner !== undefined) return { role: "absorbed", type: owner, why: `${owner} brings it` };
  if (isEngineTool(image.short))
    return {
      role: "left-out",
      type: "",
      why: "it works by reaching the Docker engine, and whoever reaches it owns the server",
    };
  return isMine(image, mine, project) ? { role: "app", type: "app" } : { role: "service", type: "service" };
}

/** True for images of a namespace that others of this file are built for, of the project's name, or of a registry of one's own. */
function isMine(image: KnownImage, mine: ReadonlySet<string>, project: string): boolean {
  if (!image.name.includes("/") || isDatabase(image.short)) return false;
  const namespace = dirname(image.name);
  return mine.has(namespace) || namespace.split("/").includes(project) || isPrivateRegistry(namespace);
}

/** Variants of a server that its component cannot run as, and servers that are not what the component is for. */
function isOtherwiseUsed(type: string, image: KnownImage, service: ReadService, found: ReadonlySet<string>): boolean {
  const tag = image.tag ?? "";
  // Another image of the same server comes along only where it is Debian's and of a version that is there.
  if (/postgis|pgvector/.test(image.short)) return !/^(pg)?1[678]([.-]|$)/.test(tag) || tag.includes("alpine");
  if (type === "grafana") return !found.has("monitoring") && !found.has("loki");
  if (type === "redis")
    return (
      /redis-stack/.test(image.short) ||
      /--(sentinel|cluster-enabled|slaveof|replicaof)/.test((service.command ?? []).join(" "))
    );
  return false;
}

const publicRegistries =
  /^(docker\.io|index\.docker\.io|ghcr\.io|quay\.io|gcr\.io|[a-z]+\.gcr\.io|registry\.k8s\.io|k8s\.gcr\.io|mcr\.microsoft\.com|public\.ecr\.aws|lscr\.io|docker\.elastic\.co|docker\.n8n\.io|registry\.gitlab\.com|codeberg\.org|docker\.[a-z0-9-]+\.[a-z]+|cgr\.dev|nvcr\.io|container-registry\.oracle\.com|registry\.(redhat|access\.redhat)\.(io|com))$/;

/** A registry with a name of its own is most likely the user's. */
function isPrivateRegistry(namespace: string): boolean {
  const [registry = ""] = namespace.split("/");
  return /[.:]/.test(registry) && !publicRegistries.test(registry.replace(/:\d+$/, ""));
}
