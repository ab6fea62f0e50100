import type { Service } from "./service.ts";

/** These services and all that depend on one of them, directly or through others. */
export function withDependents(
  services: readonly Pick<Service, "name" | "dependsOn">[],
  first: Iterable<string>,
): Set<string> {
  const found = new Set(first);
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { name, dependsOn } of services)
      if (dependsOn.some(({ service }) => found.has(service))) found.add(name);
  }
  return found;
}
