import { posix } from "node:path";
import { isMap, listOf, mapOf, type Raw, textOf } from "./compose-file.ts";

/** Keys of a service that are a map, or a list of `key=value`. */
const pairKeys = ["environment", "labels", "annotations", "sysctls"];

/**
 * A service with each key in its long form, so that two of them can be merged, and with paths that no longer depend on
 * the file they stood in.
 */
export function canonicalService(service: Raw, folder: string): Raw {
  const long: Raw = { ...service };
  for (const key of pairKeys) if (long[key] !== undefined) long[key] = pairs(long[key]);
  if (long.build !== undefined) long.build = buildOf(long.build, folder);
  if (long.depends_on !== undefined) long.depends_on = keyed(long.depends_on, { condition: "service_started" });
  if (long.networks !== undefined) long.networks = keyed(long.networks, {});
  if (long.env_file !== undefined) long.env_file = listOf(long.env_file).map((entry) => envFile(entry, folder));
  if (long.volumes !== undefined) long.volumes = listOf(long.volumes).flatMap((entry) => volumeOf(entry, folder));
  for (const key of ["secrets", "configs"])
    if (long[key] !== undefined)
      long[key] = listOf(long[key]).map((entry) => (isMap(entry) ? entry : { source: textOf(entry) }));
  for (const key of ["tmpfs", "dns", "dns_search", "profiles"])
    if (long[key] !== undefined) long[key] = listOf(long[key]);
  return long;
}

/** A top-level map of resources, each a map. */
export function canonicalResources(section: unknown, folder: string): Record<string, Raw> {
  return Object.fromEntries(
    Object.entries(mapOf(section)).map(([name, body]) => {
      const map = mapOf(body);
      const file = textOf(map.file);
      return [name, file === undefined ? map : { ...map, file: resolvePath(folder, file) }];
    }),
  );
}

/** A path as Compose resolves it: relative to its file's folder; `~` stays, because it is somebody's home. */
export function resolvePath(folder: string, path: string): string {
  return path.startsWith("~") ? path : posix.resolve(folder, path.replaceAll("\\", "/"));
}

/** `[A=1, B]` as `{ A: "1", B: null }`. */
function pairs(value: unknown): Raw {
  if (!Array.isArray(value)) return mapOf(value);
  return Object.fromEntries(
    value.map((entry) => {
      const text = textOf(entry) ?? "";
      const at = text.indexOf("=");
      return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}

function keyed(value: unknown, body: Raw): Raw {
  if (!Array.isArray(value)) return mapOf(value);
  return Object.fromEntries(value.map((entry) => [textOf(entry) ?? "", body]));
}

function buildOf(build: unknown, folder: string): Raw {
  const map = isMap(build) ? build : { context: textOf(build) ?? "." };
  const context = textOf(map.context) ?? ".";
  const isRemote = /^(https?:|git@|git:|ssh:|github\.com\/)|^[a-z-]+:\/\//.test(context);
  return {
    ...map,
    context: isRemote ? context : resolvePath(folder, context),
    ...(map.args !== undefined && { args: pairs(map.args) }),
  };
}

function envFile(entry: unknown, folder: string): Raw {
  const map = isMap(entry) ? entry : { path: textOf(entry) ?? "" };
  return { required: true, ...map, path: resolvePath(folder, textOf(map.path) ?? "") };
}

/** `./data:/data:ro` in the long form. A name without a slash is a volume, a path is a folder of the host. */
function volumeOf(entry: unknown, folder: string): Raw[] {
  if (isMap(entry)) {
    const source = textOf(entry.source) ?? textOf(entry.src);
    const target = textOf(entry.target) ?? textOf(entry.destination) ?? textOf(entry.dst) ?? "";
    const { src: _src, destination: _destination, dst: _dst, ...rest } = entry;
    const path = source !== undefined && entry.type === "bind" ? resolvePath(folder, source) : source;
    return [{ ...rest, ...(path !== undefined && { source: path }), target }];
  }
  const text = textOf(entry);
  if (text === undefined || text === "") return [];
  // Neither the colon of a Windows drive nor one in a variable's default parts source and target.
  const [, drive = "", rest = text] = /^([A-Za-z]:(?=[\\/]))?([\s\S]*)$/.exec(text) ?? [];
  const [first = "", second, options = ""] = rest.split(":");
  if (second === undefined) return [{ type: "volume", target: first }];
  const source = drive + first;
  const readOnly = options.split(",").includes("ro") ? { read_only: true } : {};
  return /^[./~\\]|^[A-Za-z]:/.test(source)
    ? [{ type: "bind", source: resolvePath(folder, source), target: second, ...readOnly }]
    : [{ type: "volume", source, target: second, ...readOnly }];
}
