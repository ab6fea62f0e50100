import { posix } from "node:path";
import type { FoundMounts, FoundVolume } from "./mounts.ts";
import type { Findings, Part } from "./part.ts";

/** What a service of the stack is going to run with. */
export interface MountsOf {
  part: Part;
  mounts: FoundMounts;
}

/**
 * What several services mounted stays one: the first that writes to it owns it, the others have it from there, also those
 * that read a folder of the host which it writes. What they can no longer share is told: files of a server that became a
 * component, folders that lie in one another, what is not there.
 */
export function shareVolumes(all: readonly MountsOf[], servers: ReadonlyMap<string, Part>, findings: Findings): void {
  for (const each of all) leaveToServers(each, servers, findings);
  const owners = ownersOf(all);
  for (const { part, mounts } of all) {
    const leave = ({ source, path }: { source: string; path: string }) => {
      if (!owners.has(source)) return true;
      mounts.volumes.push({ name: "", path, old: source, readOnly: true });
      part.details = part.details.filter((detail) => !detail.startsWith(`${source} stays where it is`));
      return false;
    };
    mounts.hostPaths = mounts.hostPaths.filter(leave);
    for (const { source, path } of mounts.missing.filter(leave))
      findings.notFixed.push({
        service: part.service.name,
        what: `${source} is not there; without it ${path} is what the image brings. Add it under files: in stack.yaml`,
      });
    for (const volume of mounts.volumes) shareOne(part, volume, owners);
  }
  noteNested(all, findings);
}

interface Owner {
  part: Part;
  volume: FoundVolume;
}

/** By what it was: the name of a volume at the engine, or a folder of the host. */
function ownersOf(all: readonly MountsOf[]): Map<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const { part, mounts } of all)
    for (const volume of mounts.volumes.filter(({ old }) => old !== "")) {
      const known = owners.get(volume.old);
      if (known === undefined || (known.volume.readOnly && !volume.readOnly)) owners.set(volume.old, { part, volume });
    }
  return owners;
}

function shareOne(part: Part, volume: FoundVolume, owners: ReadonlyMap<string, Owner>): void {
  const owner = owners.get(volume.old);
  if (owner === undefined || owner.volume === volume) return;
  volume.name = owner.volume.name;
  volume.of = owner.part.key;
  const how = volume.readOnly ? " to read it" : "";
  part.details.push(
    owner.part === part
      ? `${volume.path} is the same volume as ${owner.volume.path}`
      : `${volume.path} is the volume ${volume.name} of ${owner.part.key}, shared${how}`,
  );
}

function leaveToServers({ part, mounts }: MountsOf, servers: ReadonlyMap<string, Part>, findings: Findings): void {
  mounts.volumes = mounts.volumes.filter(({ old, path }) => {
    const server = servers.get(old);
    if (server === undefined) return true;
    findings.notFixed.push({
      service: part.service.name,
      what: `it mounted the files of ${server.service.name} at ${path}; ${server.key} keeps its files to itself, so nothing is mounted there`,
    });
    return false;
  });
}

/** Folders of the host that each became a volume, though one lay in the other. */
function noteNested(all: readonly MountsOf[], findings: Findings): void {
  const folders = all.flatMap(({ part, mounts }) =>
    mounts.volumes.filter(({ old, of }) => old.startsWith("/") && of === undefined).map(({ old }) => ({ part, old })),
  );
  for (const inner of folders)
    for (const outer of folders)
      if (inner.old !== outer.old && !posix.relative(outer.old, inner.old).startsWith(".."))
        findings.notFixed.push({
          service: inner.part.service.name,
          what: `${inner.old} lay in ${outer.old}${outer.part === inner.part ? "" : ` of ${outer.part.service.name}`}; they are two volumes now, and what is written to one is not seen in the other`,
        });
}
