import type { ReadMount, ReadService } from "./read-service.ts";

/** `volumes_from` written out: the mounts of the other service, at the same places. */
export function withMountsOfOthers(services: readonly ReadService[]): ReadService[] {
  const mountsOf = (service: ReadService, above: readonly string[]): ReadMount[] => [
    ...service.mounts,
    ...service.volumesFrom.flatMap(({ service: name, readOnly }) => {
      const other = services.find((each) => each.name === name);
      if (other === undefined || above.includes(name)) return [];
      const theirs = mountsOf(other, [...above, name]).filter(({ kind }) => kind === "volume" || kind === "bind");
      return theirs.map((mount) => ({ ...mount, readOnly: readOnly || mount.readOnly }));
    }),
  ];
  return services.map((service) => ({ ...service, mounts: mountsOf(service, [service.name]) }));
}
