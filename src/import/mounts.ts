import { basename, posix } from "node:path";
import { nameFor } from "./names.ts";
import type { Findings, Part, PathKind } from "./part.ts";
import type { ReadMount } from "./read-service.ts";
import { holdsSecret } from "./secrets-in.ts";

/** What the disk says about paths that are mounted. */
export interface Disk {
  read(path: string): string | undefined;
  kind(path: string): PathKind;
}

export interface FoundVolume {
  name: string;
  path: string;
  /** Name at the engine, or folder of the host, of what is in it now; empty: nothing that could be found again. */
  old: string;
  readOnly: boolean;
  /** Key of the other one whose volume it is. */
  of?: string;
}

export interface FoundMounts {
  volumes: FoundVolume[];
  files: { path: string; content: string }[];
  hostPaths: { source: string; path: string }[];
  /** Paths of the host where nothing is. */
  missing: { source: string; path: string }[];
  writable: string[];
}

export function noMounts(): FoundMounts {
  return { volumes: [], files: [], hostPaths: [], missing: [], writable: [] };
}

const engineSocket = /(docker|containerd|podman)[^/]*\.sock$/;

/** Paths of the host that belong to the system, which nothing in a container should see. */
const systemPath =
  /^\/($|(proc|sys|dev|etc|run|var\/run|var\/lib\/docker|var\/lib|var|root|home|boot|usr|bin|lib)(\/?$))|^\/(proc|sys|dev|run|var\/run|var\/lib\/docker)\//;

const longestFile = 64 * 1024;

/** Sorts what a service mounts: volumes, configuration, paths of the host; what must not come along is told. */
export function sortMounts(
  part: Part,
  disk: Disk,
  nameOfVolume: (name: string) => string,
  findings: Findings,
): FoundMounts {
  const sorter = new Sorter(part, disk, findings);
  for (const mount of part.service.mounts) {
    const target = cleanTarget(mount, part.service.workingDir);
    if (target === undefined)
      sorter.lost(`the mount at ${mount.target || "no place"} is left out: no path that can stand in stack.yaml`);
    else if (sorter.isFree(target)) sorter.add(mount, target, nameOfVolume);
  }
  return sorter.found;
}

class Sorter {
  readonly found = noMounts();
  private readonly part: Part;
  private readonly disk: Disk;
  private readonly findings: Findings;
  private readonly used = new Set<string>();
  private readonly seen = new Set<string>();

  constructor(part: Part, disk: Disk, findings: Findings) {
    this.part = part;
    this.disk = disk;
    this.findings = findings;
  }

  isFree(target: string): boolean {
    const free = !this.seen.has(target);
    this.seen.add(target);
    return free;
  }

  lost(what: string): void {
    this.findings.notFixed.push({ service: this.part.service.name, what });
  }

  add(mount: ReadMount, target: string, nameOfVolume: (name: string) => string): void {
    const { source = "", kind, readOnly } = mount;
    const inImage = this.part.service.build !== undefined;
    // /tmp is always there, in memory.
    if (kind === "tmpfs" || (target === "/tmp" && this.part.role === "app")) {
      if (target !== "/tmp") this.found.writable.push(target);
      else if (kind !== "tmpfs") this.lost("what it mounted at /tmp is not kept: /tmp is in memory in a stack");
    } else if (kind === "volume") this.volume(source || "data", target, nameOfVolume(source), readOnly);
    else if (kind === "anonymous" && !inImage) this.volume(posix.basename(target), target, "", readOnly);
    else if (kind === "anonymous")
      this.part.details.push(`${target}: the volume without a name is left out; the image brings its own content`);
    else if (kind === "bind") this.bind(source, target, readOnly);
    else this.lost(`the mount at ${target} is of a kind that is not taken over`);
  }

  private volume(wish: string, path: string, old: string, readOnly: boolean): void {
    const short = wish.replace(new RegExp(`^${this.part.key}[-_](?=[a-z])`), "");
    const name = nameFor(short === this.part.key ? "data" : short, this.used);
    this.used.add(name);
    this.found.volumes.push({ name, path, old, readOnly });
  }

  private bind(source: string, target: string, readOnly: boolean): void {
    const fixed = (was: string, now: string) => this.findings.fixed.push({ service: this.part.service.name, was, now });
    const context = this.part.service.build?.context;
    if (engineSocket.test(source))
      fixed("reaches the Docker engine (its socket is mounted)", "not mounted: whoever reaches it owns the server");
    else if (/^\/etc\/(localtime|timezone)$/.test(source))
      this.part.details.push(`${source} is not mounted; set TZ under env: instead`);
    else if (systemPath.test(source))
      fixed(`${source} of the host is mounted`, "not mounted: it belongs to the system");
    else if (context !== undefined && isCode(source, context))
      this.part.details.push(`${target}: the source code is not mounted; the image brings it`);
    else this.ofHost(source, target, readOnly);
  }

  private ofHost(source: string, target: string, readOnly: boolean): void {
    const kind = kindOf(source, this.disk);
    const text = kind === "file" ? this.disk.read(source) : undefined;
    if (text !== undefined && text.length <= longestFile && !text.includes("\0"))
      this.file(source, text, target, readOnly);
    else if (kind === "file" || (kind === "folder" && readOnly)) {
      this.found.hostPaths.push({ source, path: target });
      this.part.details.push(`${source} stays where it is and is mounted read-only from there`);
    } else if (kind === undefined && (readOnly || /\.[a-z]{2,5}$/i.test(basename(source))))
      this.found.missing.push({ source, path: target });
    else this.folder(source, target, readOnly);
  }

  private folder(source: string, target: string, readOnly: boolean): void {
    this.volume(posix.basename(target), target, source, readOnly);
    if (kindOf(source, this.disk) === "folder")
      this.part.details.push(
        `${target} was ${source} of this server and is a volume now: later changes there are not seen`,
      );
  }

  private file(source: string, content: string, target: string, readOnly: boolean): void {
    if (holdsSecret(content) || /\.(pem|key|p12|jks|env)$|htpasswd/.test(source)) {
      this.found.hostPaths.push({ source, path: target });
      this.lost(`${source} stays where it is, because it seems to hold a secret, and is mounted read-only from there`);
      return;
    }
    this.found.files.push({ path: target, content });
    if (!readOnly)
      this.part.details.push(`${basename(source)} stands in stack.yaml now and is read-only in the container`);
  }
}

function kindOf(source: string, disk: Disk): PathKind {
  return source.startsWith("~") ? undefined : disk.kind(source);
}

function cleanTarget({ target }: ReadMount, workingDir: string | undefined): string | undefined {
  const full = target.startsWith("/") ? target : posix.join(workingDir ?? "/", target);
  const clean = posix.normalize(full).replace(/(?<=.)\/+$/, "");
  return /^\/[A-Za-z0-9._~%+=@&?/-]*$/.test(clean) && clean !== "/" && target !== "" ? clean : undefined;
}

const codeFolder =
  /^(src|apps?|lib|public|static|templates|views|code|backend|frontend|api|web|server|client|node_modules|pages|components|tests?|packages?|html|www|bin|cmd|pkg|target|build|dist)$/i;
const codeFile =
  /\.(m?[jt]sx?|py|go|rb|php|java|rs|cs|html|css|vue|svelte)$|^(package(-lock)?\.json|requirements\.txt|go\.(mod|sum)|yarn\.lock)$/;

/** True for the folder that the image is built from, and for what lies in it and looks like source code. Data lies there too. */
function isCode(source: string, context: string): boolean {
  if (source === context || context.startsWith(`${source}/`)) return true;
  return source.startsWith(`${context}/`) && (codeFolder.test(basename(source)) || codeFile.test(basename(source)));
}
