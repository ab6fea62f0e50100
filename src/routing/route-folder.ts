import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { readIfExists, syncFolder, writeFileAtomic } from "../support/files.ts";
import { madeHere, type RouteConfig, routesFolder } from "./route-file.ts";

/** Content of the route files by path, undefined where there is to be none: also what undoes a change. */
export type RouteFolder = ReadonlyMap<string, string | undefined>;

export function pathOf(service: string): string {
  return `${routesFolder}/${service}.yml`;
}

/** The route files of services as they are on the disk. Files that somebody else put there are not among them. */
export function readRoutes(directory: string): RouteFolder {
  const found = new Map<string, string>();
  for (const name of readdirSync(join(directory, routesFolder)).sort()) {
    if (!name.endsWith(".yml")) continue;
    const content = readIfExists(join(directory, routesFolder, name));
    if (content?.includes(madeHere)) found.set(`${routesFolder}/${name}`, content);
  }
  return found;
}

/** What the files say, by service; a file that cannot be read says nothing. */
export function configsIn(files: RouteFolder): Map<string, RouteConfig> {
  return new Map(
    [...files].map(([path, content]) => [path.slice(routesFolder.length + 1, -".yml".length), configOf(content ?? "")]),
  );
}

function configOf(content: string): RouteConfig {
  const nothing: RouteConfig = { routers: {}, services: {} };
  try {
    const { http } = parse(content) as { http?: Partial<RouteConfig> };
    return { ...nothing, ...http };
  } catch {
    return nothing;
  }
}

/** Makes the files be so, each by one rename; returns the paths that were not. */
export function writeRoutes(directory: string, files: RouteFolder): string[] {
  const changed: string[] = [];
  for (const [path, content] of files) {
    if (readIfExists(join(directory, path)) === content) continue;
    if (content === undefined) rmSync(join(directory, path), { force: true });
    else writeFileAtomic(join(directory, path), content);
    changed.push(path);
  }
  if (changed.length > 0) syncFolder(join(directory, routesFolder));
  return changed;
}
