import { isUnpinned, unpinned } from "./images.ts";
import { withoutUnset } from "./interpolate.ts";
import type { Findings, Part } from "./part.ts";
import type { ReadBuild } from "./read-service.ts";

/** `image:` of a section: pinned as it was, to be built by the user, or with a tag that says that a version is missing. */
export function imageText(part: Part, project: string, built: Map<string, string>, findings: Findings): string {
  const { service, image } = part;
  const written = withoutUnset(service.image ?? "").replace(/@sha256:(?![a-f0-9]{64}$).*$/, "");
  if (service.build !== undefined) {
    const same = built.get(JSON.stringify([service.build, written]));
    if (same !== undefined) {
      part.details.push(`image ${same}, the same build`);
      return same;
    }
    const name = written === "" ? `${project}-${part.key}` : image.name;
    const text = written === "" || isUnpinned(image) ? `${name}:1` : written;
    built.set(JSON.stringify([service.build, written]), text);
    findings.todo.push(`build the image of ${service.name}: ${buildLine(text, service.build)}`);
    part.details.push(`image ${text}, which you build (and push, where the server is another machine)`);
    return text;
  }
  if (!isUnpinned(image)) return written;
  const was = `image ${image.short}${image.tag === undefined ? " without a tag" : ":latest"}, another one every time`;
  findings.fixed.push({ service: service.name, was, now: "a version must be written" });
  findings.todo.push(`components.${part.key}.image in stack.yaml: replace ${unpinned} by a version of ${image.short}`);
  return `${image.name || "unknown"}:${unpinned}`;
}

function buildLine(image: string, { context, dockerfile, target, args }: ReadBuild): string {
  const words = ["docker", "build", "-t", image];
  if (dockerfile !== undefined) words.push("-f", dockerfile.startsWith("/") ? dockerfile : `${context}/${dockerfile}`);
  if (target !== undefined) words.push("--target", target);
  // Values of arguments can be secrets.
  for (const name of Object.keys(args)) words.push("--build-arg", `${name}=…`);
  return [...words, context].join(" ");
}
