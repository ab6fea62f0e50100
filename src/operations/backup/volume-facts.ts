import { uptime } from "node:os";
import { readIfExists } from "../../support/files.ts";
import type { Checked } from "./kinds.ts";

/** What a volume holds, as counted in the container that read or wrote it. */
export interface VolumeCounts {
  files: number;
  folders: number;
  /** Symbolic ones. */
  links: number;
  /** Pipes and devices. */
  others: number;
  /** Of the files' content. */
  bytes: number;
  /** SHA-256 over names, types, modes, owners, sizes, times, numbers of names and targets of links of everything. */
  listing: string;
}

/** What the manifest says of a copy. */
export interface VolumeFacts extends VolumeCounts {
  empty: boolean;
  /** How many entries changed while it was copied. 0: the listing is that of what is in the archive. */
  unsettled: number;
  /** Entries of the archive. */
  members: number;
  /** SHA-256 of what tar remembers of it, without which the next increment copies everything. */
  memory: string;
  clock: ClockReading;
}

/** The wall clock against one that nobody sets. */
export interface ClockReading {
  /** Id of this boot of the machine. */
  boot: string;
  /** Milliseconds since 1970 when it booted, as far as the wall clock is right. */
  bootedAt: number;
}

/** Reads the lines `fact NAME VALUE` of a container's output. */
export function factsIn(output: readonly string[]): Map<string, string> {
  const facts = output.flatMap((line) => {
    const [, name, value] = /^fact (\w+) (\S+)$/.exec(line.trim()) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return new Map(facts);
}

/** The counts among them. */
export function countsIn(facts: ReadonlyMap<string, string>): VolumeCounts {
  return {
    files: numberOf(facts, "files"),
    folders: numberOf(facts, "folders"),
    links: numberOf(facts, "links"),
    others: numberOf(facts, "others"),
    bytes: numberOf(facts, "bytes"),
    listing: facts.get("listing") ?? "",
  };
}

export function numberOf(facts: ReadonlyMap<string, string>, name: string): number {
  const value = Number(facts.get(name) ?? "missing");
  if (!Number.isSafeInteger(value)) throw new Error(`the container did not say how many ${name}`);
  return value;
}

/** Nothing in it but the folder itself. */
export function isEmpty({ files, folders, links, others }: VolumeCounts): boolean {
  return files + links + others === 0 && folders <= 1;
}

/** Where the wall clock stands now against one that nobody sets. */
export function readClock(now: number): ClockReading {
  const boot = readIfExists("/proc/sys/kernel/random/boot_id")?.trim() ?? "";
  return { boot, bootedAt: Math.round(now - uptime() * 1_000) };
}

/** True where somebody has set the clock back since: then the time of a change says nothing about its order. */
export function setBack(before: ClockReading | undefined, now: ClockReading): boolean {
  if (before === undefined) return true;
  return before.boot === now.boot && now.bootedAt < before.bootedAt - 1_000;
}

/** Compares what came out of a restore with what the copy is to hold. */
export function compareCounts(facts: VolumeFacts, found: VolumeCounts): Checked {
  const told = `${count(found.files, "file")}, ${count(found.folders, "folder")}, ${found.bytes} bytes`;
  if (facts.unsettled === 0) {
    const ok = facts.listing === found.listing;
    if (ok) return { ok, detail: `${told}: names, types, modes, owners, sizes and times are those of the original` };
    const wanted = `${count(facts.files, "file")}, ${count(facts.folders, "folder")}, ${facts.bytes} bytes`;
    return { ok, detail: `${told} are not the ${wanted} that were copied: a name, mode, owner, size or time differs` };
  }
  const away = (["files", "folders", "links", "others"] as const).map((name) => Math.abs(facts[name] - found[name]));
  const ok = Math.max(...away) <= facts.unsettled;
  const changed = `${count(facts.unsettled, "entry", "entries")} changed while it was copied`;
  return {
    ok,
    detail: ok ? `${told}; ${changed}` : `${told} instead of ${count(facts.files, "file")}, though only ${changed}`,
  };
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}
