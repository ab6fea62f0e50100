import type { ObservedContainer } from "../engine/engine.ts";
import { StackError } from "../support/errors.ts";
import type { Redact } from "../support/redact.ts";
import { addressOf } from "../support/socket-address.ts";
import { formatDuration, formatSize } from "../support/units.ts";
import type { Context } from "./context.ts";
import { readHistory } from "./migration-history.ts";
import { redactorFor } from "./secret-values.ts";
import type { WantedService } from "./start-facts.ts";
import { type FailureReason, type Standing, timeToReady } from "./wait-standing.ts";

/** What was found out about a service that did not become ready. */
export interface Evidence {
  service: Pick<WantedService, "name" | "component" | "class" | "image" | "healthcheck">;
  reason: FailureReason;
  container?: ObservedContainer;
  /** The last lines of its output. */
  log: string[];
  /** Addresses on which something listens inside; undefined where it could not be asked. */
  listening?: string[];
  imageArchitecture?: string;
  hostArchitecture?: string;
  /** It has a migration that never ran well: many applications refuse to work on an empty database. */
  neverMigrated?: boolean;
}

/** A failure in words: what happened, what was seen, what to type next. */
export interface Explanation {
  service: string;
  message: string;
  details: string[];
  hint: string;
}

const shownLogLines = 20;
const shownOutput = 600;

/** Looks at what failed and says why. What merely waits for it is left out: it has no reason of its own. */
export async function explainFailures(
  context: Context,
  services: readonly WantedService[],
  standings: ReadonlyMap<string, Standing>,
): Promise<Explanation[]> {
  const redact = redactorFor(context.directory, context.model);
  const explanations: Explanation[] = [];
  for (const service of services) {
    const standing = standings.get(service.name);
    if (standing?.state !== "failed" || standing.reason === "blocked") continue;
    explanations.push(redacted(explain(await gatherEvidence(context, service, standing)), redact));
  }
  return explanations;
}

/** One error of all explanations: the first in full, for it is usually the cause of the others. */
export function failureError(explanations: readonly Explanation[], blocked: readonly string[]): StackError {
  const [first, ...others] = explanations;
  const waiting = blocked.length === 0 ? [] : [`not started because of this: ${blocked.join(", ")}`];
  if (first === undefined) {
    return new StackError({
      code: "service-failed",
      exit: "unhealthy",
      message: "The stack did not become ready",
      hint: "./prod.sh status",
      details: waiting,
    });
  }
  const rest = others.flatMap(({ message, details, hint }) => ["", message, ...details, `next: ${hint}`]);
  return new StackError({
    code: "service-failed",
    exit: "unhealthy",
    message: first.message,
    hint: first.hint,
    details: [...first.details, ...waiting, ...rest],
  });
}

async function gatherEvidence(
  { engine, model, directory }: Context,
  service: WantedService,
  standing: Extract<Standing, { state: "failed" }>,
): Promise<Evidence> {
  const seen = standing.container;
  const container = seen === undefined ? undefined : ((await engine.inspect(seen.id)) ?? seen);
  const log = container === undefined ? [] : await engine.logTail(container.id, shownLogLines).catch(() => []);
  const isRunning = container?.state === "running";
  const listening = isRunning ? await listeningInside({ engine }, container.id) : undefined;
  const [info, image] = await Promise.all([engine.info(), engine.image(service.image)]);
  return {
    service,
    reason: standing.reason,
    // What was seen at the moment of the verdict tells the end; a restart may have wiped it since.
    ...(seen !== undefined && container !== undefined && { container: keepEnd(seen, container) }),
    log,
    ...(listening !== undefined && { listening }),
    ...(image !== undefined && { imageArchitecture: image.architecture }),
    hostArchitecture: info.architecture,
    neverMigrated:
      model.migrations.some(({ app }) => app === service.name) &&
      !readHistory(directory).some(({ app, outcome }) => app === service.name && outcome === "ok"),
  };
}

function keepEnd(seen: ObservedContainer, now: ObservedContainer): ObservedContainer {
  return { ...now, exitCode: now.exitCode || seen.exitCode, oomKilled: now.oomKilled || seen.oomKilled };
}

/** Asks the container itself; images without `cat` do not answer. */
export async function listeningInside({ engine }: Pick<Context, "engine">, id: string): Promise<string[] | undefined> {
  try {
    const { exitCode, stdout } = await engine.exec(id, ["cat", "/proc/net/tcp", "/proc/net/tcp6"], { timeout: 5_000 });
    return stdout === "" && exitCode !== 0 ? undefined : listeningIn(stdout);
  } catch {
    return undefined;
  }
}

/** Listening sockets of /proc/net/tcp and tcp6: `127.0.0.1:3000`, `0.0.0.0:80`, `[::]:80`. */
export function listeningIn(table: string): string[] {
  const found = table.split("\n").flatMap((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    if (state !== "0A") return [];
    const { address, port } = addressOf(local);
    // The engine's own name server.
    if (address === "127.0.0.11") return [];
    return [address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`];
  });
  return [...new Set(found)];
}

/** Says what happened, from the evidence. Pure. */
export function explain(evidence: Evidence): Explanation {
  const { service, container } = evidence;
  const { message, details, hint } =
    cannotRun(evidence) ?? ofOtherVersion(evidence) ?? unmigrated(evidence) ?? tellings[evidence.reason](evidence);
  const log = evidence.log.length === 0 ? [] : ["last lines of its log:", ...evidence.log.map((line) => `  ${line}`)];
  const silent = container !== undefined && evidence.log.length === 0 ? ["it printed nothing"] : [];
  return {
    service: service.name,
    message: `${service.name} ${message}`,
    details: [...details, ...log, ...silent],
    hint,
  };
}

interface Told {
  message: string;
  details: string[];
  hint: string;
}

const tellings: Record<FailureReason, (evidence: Evidence) => Told> = {
  unhealthy: (evidence) => healthTold(evidence, "is unhealthy"),
  "never-ready": (evidence) =>
    evidence.service.class === "one-shot"
      ? { message: "did not end", details: [], hint: logsOf(evidence) }
      : healthTold(evidence, `did not become healthy within ${formatDuration(timeToReady(evidence.service))}`),
  exited: (evidence) => ({
    message: `ended with exit code ${evidence.container?.exitCode ?? "?"}${exitMeaning(evidence.container?.exitCode)}`,
    details: [],
    hint: logsOf(evidence),
  }),
  "crash-loop": (evidence) => ({
    message: `ends again and again: exit code ${evidence.container?.exitCode ?? "?"}${exitMeaning(evidence.container?.exitCode)}, ${evidence.container?.restarts ?? 0} restarts`,
    details: [],
    hint: logsOf(evidence),
  }),
  "out-of-memory": memoryTold,
  "cannot-start": (evidence) => ({
    message: `cannot be started: ${evidence.container?.error ?? "the engine gives no reason"}`,
    details: [],
    hint: "./prod.sh start",
  }),
  paused: (evidence) => ({
    message: "is paused, which somebody did by hand",
    details: [],
    hint: `docker unpause ${evidence.container?.name ?? evidence.service.name}`,
  }),
  "not-started": () => ({ message: "was not started", details: [], hint: "./prod.sh start" }),
  blocked: () => ({ message: "waits for another service", details: [], hint: "./prod.sh status" }),
};

function logsOf({ service }: Evidence): string {
  return `./prod.sh logs ${service.name}`;
}

function healthTold(evidence: Evidence, message: string): Told {
  const { service, container, listening } = evidence;
  const failures = (container?.healthLog ?? []).filter(({ exitCode }) => exitCode !== 0);
  const last = failures.at(-1);
  const details: string[] = [];
  const check = service.healthcheck?.test;
  if (check !== undefined) details.push(`check: ${checkInShort(check)}`);
  if (last !== undefined) {
    const output = last.output.trim();
    details.push(
      `expected: exit code 0, got: ${last.exitCode === -1 ? "no answer in time" : `exit code ${last.exitCode}`}`,
    );
    if (output !== "")
      details.push(`it said: ${output.length > shownOutput ? `${output.slice(0, shownOutput)}…` : output}`);
  }
  if (last !== undefined && /refused|can't connect|unable to connect/i.test(last.output) && listening !== undefined) {
    details.push(`listening inside: ${listening.length === 0 ? "nothing" : listening.join(", ")}`);
  }
  return { message, details, hint: logsOf(evidence) };
}

function memoryTold({ service, container }: Evidence): Told {
  const limit = container?.memoryLimit ? ` of ${formatSize(container.memoryLimit)}` : "";
  const key = service.component === undefined ? undefined : `components.${service.component}.limits.memory`;
  return {
    message: `was killed because it needs more memory than its limit${limit}`,
    details: [`exit code ${container?.exitCode ?? "?"}, ${container?.restarts ?? 0} restarts`],
    hint:
      key === undefined
        ? `raise its memory limit in compose.override.yaml, then \`./prod.sh start\``
        : `raise ${key} in stack.yaml, then \`./prod.sh generate\` and \`./prod.sh start\``,
  };
}

/** An image that this machine or this image cannot execute looks like any crash until its words are read. */
function cannotRun({ service, container, log, imageArchitecture, hostArchitecture }: Evidence): Told | undefined {
  const words = [container?.error ?? "", ...(container?.exitCode === 0 ? [] : log.slice(-3))].join("\n");
  if (/exec format error/i.test(words)) return wrongFormat(service, imageArchitecture, hostArchitecture);
  const missing = /exec:? "([^"]+)": (?:executable file not found|stat [^:]*: no such file)/i.exec(
    container?.error ?? "",
  );
  if (missing === null) return undefined;
  return {
    message: `cannot be started: there is no program "${missing[1]}" in its image`,
    details: [`image: ${service.image}`],
    hint: `correct the command${service.component === undefined ? "" : ` of components.${service.component}`} in stack.yaml, then \`./prod.sh generate\``,
  };
}

function wrongFormat({ image }: Evidence["service"], built: string | undefined, host: string | undefined): Told {
  const details = [`image: ${image}`];
  if (built === undefined || built === host) {
    return {
      message:
        "cannot run here: its program is built for another kind of machine, or is a script without a first line `#!`",
      details,
      hint: `build the image for ${host ?? "this machine"}, then \`./prod.sh start\``,
    };
  }
  return {
    message: `cannot run here: its image is for ${built}, this machine is ${host ?? "another"}`,
    details,
    hint: `choose an image for ${host ?? "this machine"} in stack.yaml, then \`./prod.sh generate\``,
  };
}

function exitMeaning(code: number | undefined): string {
  if (code === 126) return " (its command may not be executed)";
  if (code === 127) return " (its command was not found)";
  if (code === 137) return " (killed)";
  if (code === 139) return " (segmentation fault)";
  return "";
}

function redacted(explanation: Explanation, redact: Redact): Explanation {
  return { ...explanation, message: redact(explanation.message), details: explanation.details.map(redact) };
}

/** The command as typed; of a script of several lines what it asks for. */
function checkInShort(test: readonly string[]): string {
  const command = test
    .filter((word) => !/^CMD(-SHELL)?$/.test(word))
    .join(" ")
    .trim();
  const url = /http:\/\/127\.0\.0\.1:\d+[^\s"')]*/.exec(command)?.[0];
  return command.includes("\n") && url !== undefined ? `GET ${url}` : command;
}

/** Many applications refuse to work on an empty database; then the next thing to type is known. */
function unmigrated(evidence: Evidence): Told | undefined {
  if (evidence.neverMigrated !== true || evidence.container?.oomKilled === true) return undefined;
  const { message, details } = tellings[evidence.reason](evidence);
  return {
    message: `${message}; its database was never migrated`,
    details,
    hint: "./prod.sh migrate, then ./prod.sh start",
  };
}

/** What the server of Postgres says, and what its image's entry point from 18 on, before data that another major version made. */
const otherVersion = /database files are incompatible with server|there appears to be PostgreSQL data in/;

function ofOtherVersion(evidence: Evidence): Told | undefined {
  if (!evidence.log.some((line) => otherVersion.test(line))) return undefined;
  return {
    message: `${tellings[evidence.reason](evidence).message}; its volume was made by another major version of Postgres`,
    details: [],
    hint: "put the former version back in stack.yaml, then `./prod.sh generate` and `./prod.sh start`; RUNBOOK.md, New major version of Postgres, is the way to go over",
  };
}
