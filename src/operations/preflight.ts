import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EngineInfo } from "../engine/engine.ts";
import type { HostNeed, StackModel } from "../stack/model.ts";
import { diskSpace } from "../support/disk.ts";
import { type ExitCause, type Problem, StackError } from "../support/errors.ts";
import { readIfExists } from "../support/files.ts";
import { formatSize } from "../support/units.ts";
import { checkPorts } from "./preflight-ports.ts";
import { checkProcessor } from "./preflight-processor.ts";
import { checkSecrets } from "./preflight-secrets.ts";
import { checkSpools } from "./preflight-spool.ts";
import type { StartFacts, WantedService } from "./start-facts.ts";
import { goodEngine, isAtLeast, leastCompose, leastEngine } from "./start-versions.ts";

/** One result of looking at the host or the stack before anything is changed. */
export interface Finding {
  /** Stable name: `port-taken`. */
  id: string;
  level: "ok" | "warn" | "fail";
  message: string;
  hint?: string;
  /** Exit code of a run that this finding ends; `unhealthy` where it says nothing. */
  exit?: ExitCause;
}

/** All checks before a start. Each looks for itself and none changes anything. */
export function preflight(
  { directory, model }: { directory: string; model: StackModel },
  facts: StartFacts,
  overcommit = false,
): Finding[] {
  const missing = [...facts.images.values()].filter((image) => image === undefined).length;
  return [
    checkEngine(facts.info),
    checkCompose(facts.composeVersion),
    ...checkArchitecture(facts.info, facts.wanted, facts.images, emulates),
    ...checkPorts(model, facts.takenPorts),
    checkMemory(model, facts.info, overcommit),
    checkDisk(diskSpace(facts.info.dataRoot)?.free, missing),
    ...checkHostNeeds(model.hostNeeds, facts.info, readSysctl),
    ...checkSecrets(model, directory),
    ...checkSpools(model, directory, Date.now()),
    checkSource(model, readIfExists(join(directory, "stack.yaml"))),
  ];
}

/** Throws one error of everything that keeps the stack from starting. */
export function refuseFailures(findings: readonly Finding[]): void {
  const failures = findings.filter(({ level }) => level === "fail");
  const [first] = failures;
  if (first === undefined) return;
  const exit = failures.find((finding) => finding.exit !== undefined)?.exit ?? "unhealthy";
  const problems = failures.map(({ message, hint }): Problem => (hint === undefined ? { message } : { message, hint }));
  if (failures.length === 1) {
    const { message, hint } = first;
    throw new StackError({ code: first.id, exit, message, ...(hint !== undefined && { hint }) });
  }
  throw new StackError({
    code: "preflight",
    exit,
    message: `${failures.length} things keep the stack from starting; nothing was changed`,
    problems,
  });
}

export function checkEngine({ version }: Pick<EngineInfo, "version">): Finding {
  const hint = "install a newer Docker Engine: https://docs.docker.com/engine/install/";
  if (!isAtLeast(version, leastEngine)) {
    const message = `Docker Engine ${version} is too old: ${leastEngine} is the least that works`;
    return { id: "engine-old", level: "fail", message, hint, exit: "engineUnreachable" };
  }
  if (!isAtLeast(version, goodEngine)) {
    const message = `Docker Engine ${version} checks new containers only at the usual interval (25 checks more often at first), so a start takes longer`;
    return { id: "engine-dated", level: "warn", message, hint };
  }
  return { id: "engine", level: "ok", message: `Docker Engine ${version}` };
}

export function checkCompose(version: string | undefined): Finding {
  const hint = "install the package docker-compose-plugin from Docker's own repository";
  if (version === undefined) {
    const message = "`docker compose` is not installed";
    return { id: "compose-missing", level: "fail", message, hint, exit: "engineUnreachable" };
  }
  if (!isAtLeast(version, leastCompose)) {
    const message = `Docker Compose ${version} is too old: files of this stack need ${leastCompose} (raw env files, hooks)`;
    return { id: "compose-old", level: "fail", message, hint, exit: "engineUnreachable" };
  }
  return { id: "compose", level: "ok", message: `Docker Compose ${version}` };
}

/** What a processor runs besides its own kind. */
const alsoRuns: Record<string, string[]> = { amd64: ["386"], arm64: ["arm"] };

export function checkArchitecture(
  { architecture }: Pick<EngineInfo, "architecture">,
  wanted: readonly Pick<WantedService, "name" | "image">[],
  images: StartFacts["images"],
  isEmulated: (architecture: string) => boolean,
): Finding[] {
  return wanted.flatMap(({ name, image }): Finding[] => {
    const found = images.get(image)?.architecture;
    if (found === undefined || found === "" || found === architecture || alsoRuns[architecture]?.includes(found))
      return [];
    const message = `The image of ${name} (${image}) is for ${found}, this machine is ${architecture}`;
    if (isEmulated(found)) return [{ id: "image-emulated", level: "warn", message: `${message}: it runs slowly` }];
    const hint = `\`docker pull --platform linux/${architecture} ${image}\`, or choose an image for ${architecture}`;
    return [{ id: "image-architecture", level: "fail", message, hint }];
  });
}

function emulates(architecture: string): boolean {
  const names: Record<string, string> = { amd64: "x86_64", arm64: "aarch64", "386": "i386" };
  return readIfExists(`/proc/sys/fs/binfmt_misc/qemu-${names[architecture] ?? architecture}`) !== undefined;
}

/** With more promised than there is, the kernel chooses which service dies; only the user may accept that. */
export function checkMemory(
  model: Pick<StackModel, "services">,
  { memory }: Pick<EngineInfo, "memory">,
  overcommit = false,
): Finding {
  const lasting = model.services.filter((service) => service.class === "long-running");
  const total = lasting.reduce((sum, { limits, replicas }) => sum + limits.memory * replicas, 0);
  if (total > memory) {
    const message = `The services may use ${formatSize(total)} of memory together, this host has ${formatSize(memory)}`;
    return {
      id: "memory-limits",
      level: overcommit ? "warn" : "fail",
      message,
      hint: "lower limits.memory in stack.yaml and run `./prod.sh generate`, or accept that one may be killed: `./prod.sh start --overcommit`",
    };
  }
  return { id: "memory", level: "ok", message: `${formatSize(total)} of ${formatSize(memory)} memory allotted` };
}

const leastFree = 512 * 1024 ** 2;
const roomToWork = 1024 ** 3;
const usualImage = 512 * 1024 ** 2;

/** How much an image will take is known only when it is there; a usual one is taken as the measure. */
export function checkDisk(free: number | undefined, missingImages: number): Finding {
  if (free === undefined) return { id: "disk", level: "ok", message: "the engine's disk cannot be seen from here" };
  const hint = "see what takes the room with `docker system df`";
  const message = `Only ${formatSize(free)} are free on the engine's disk`;
  if (free < leastFree) return { id: "disk-full", level: "fail", message, hint };
  if (missingImages > 0 && free < roomToWork + missingImages * usualImage) {
    return {
      id: "disk-short",
      level: "warn",
      message: `${message}, and ${missingImages} images are to be pulled`,
      hint,
    };
  }
  return { id: "disk", level: "ok", message: `${formatSize(free)} free on the engine's disk` };
}

/** A machine that is sold with so much memory shows a little less: its firmware and kernel keep some. */
const shownOfSold = 0.92;

export function checkHostNeeds(
  needs: readonly HostNeed[],
  { memory, architecture }: Pick<EngineInfo, "memory" | "architecture">,
  read: (sysctl: string) => number | undefined,
): Finding[] {
  return needs.map((need): Finding => {
    if ("processor" in need) return checkProcessor(need, architecture, readIfExists("/proc/cpuinfo"));
    const { component, advisory, reason } = need;
    const level = advisory ? "warn" : "fail";
    const wishes = `${component} ${advisory ? "would like" : "needs"}`;
    if ("memory" in need) {
      if (memory >= need.memory * shownOfSold)
        return {
          id: "host-memory",
          level: "ok",
          message: `${formatSize(memory)} of memory are enough for ${component}`,
        };
      const message = `This host has ${formatSize(memory)} of memory, ${wishes} ${formatSize(need.memory)}: ${reason}`;
      return { id: "host-small", level, message, hint: need.hint };
    }
    const { sysctl, minimum } = need;
    const value = read(sysctl);
    if (value === undefined || value >= minimum)
      return { id: "sysctl", level: "ok", message: `${sysctl} is ${value ?? "unknown"}` };
    return {
      id: "sysctl-low",
      level,
      message: `${sysctl} is ${value}, ${wishes} ${minimum}: ${reason}`,
      hint: `echo ${sysctl}=${minimum} | sudo tee -a /etc/sysctl.d/99-create-stack.conf && sudo sysctl --system`,
    };
  });
}

function readSysctl(name: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(`/proc/sys/${name.replaceAll(".", "/")}`, "utf8"), 10);
  } catch {
    return undefined;
  }
}

/** Notices that stack.yaml was edited and not generated since. */
export function checkSource({ source }: Pick<StackModel, "source">, stackYaml: string | undefined): Finding {
  const isKnown = source !== "" && stackYaml !== undefined;
  if (!isKnown || createHash("sha256").update(stackYaml).digest("hex") === source) {
    return { id: "generated", level: "ok", message: "the files fit stack.yaml" };
  }
  const message = "stack.yaml was edited since the files were generated; the start uses the files as they are";
  return { id: "generate-due", level: "warn", message, hint: "./prod.sh generate" };
}
