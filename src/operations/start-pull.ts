import { StackError } from "../support/errors.ts";
import { formatSize } from "../support/units.ts";
import type { Context } from "./context.ts";
import type { WantedService } from "./start-facts.ts";

/** Why an image could not be had. */
export type PullProblem = "login" | "not-found" | "network" | "disk" | "architecture" | "rate-limit" | "other";

/** One line of `docker compose --progress json pull`. */
interface PullLine {
  id?: string;
  parent_id?: string;
  text?: string;
  status?: string;
  current?: number;
  total?: number;
  error?: boolean;
  message?: string;
}

interface PullFailure {
  image: string;
  services: string[];
  reason: string;
}

/** Pulls the images of these services. Throws one error that tells for each image why it could not be had. */
export async function pullImages(context: Context, services: readonly WantedService[]): Promise<void> {
  const { compose, progress, signal } = context;
  const users = new Map<string, string[]>();
  for (const { image, name } of services) users.set(image, [...(users.get(image) ?? []), name]);
  progress.phase(users.size === 1 ? "Pulling 1 image" : `Pulling ${users.size} images`);
  const watch = pullWatch(context, new Map(services.map(({ name, image }) => [name, image])));
  // One service for each image: the others would only wait for the same bytes.
  const asked = [...users.values()].map(([first = ""]) => first);
  // Without the flag the first refusal breaks off the others, and only one reason is known.
  const result = await compose.run(["--progress", "json", "pull", "--ignore-pull-failures", ...asked], {
    signal,
    onOutput: lineReader(watch.take),
  });
  signal.throwIfAborted();
  const failures = watch.failures().map(({ image, reason }) => ({ image, services: users.get(image) ?? [], reason }));
  if (failures.length > 0) throw pullError(failures);
  if (result.code === 0) return;
  const reason = watch.lastError() || result.stderr.trim().split("\n").at(-1) || `exit code ${result.code}`;
  throw pullError([{ image: [...users.keys()].join(", "), services: [], reason }]);
}

/** Follows what Compose prints while it pulls. */
function pullWatch({ progress }: Context, imageOf: ReadonlyMap<string, string>) {
  const failed = new Map<string, string>();
  const layers = new Map<string, Map<string, Layer>>();
  let lastError = "";

  function takeImage(image: string, { text, status }: PullLine): void {
    if (text === "Error") {
      failed.set(image, status ?? "");
      progress.update(image, "failed", "cannot be pulled");
    } else if (text === "Pulled") {
      progress.update(image, "done", "pulled");
    } else {
      progress.update(image, "working", "pulling");
    }
  }

  function takeLayer(image: string, { id = "", text, current = 0, total = 0 }: PullLine): void {
    if (text !== "Downloading" || total === 0) return;
    const known = layers.get(image) ?? new Map<string, Layer>();
    layers.set(image, known.set(id, { current, total }));
    progress.update(image, "working", amountText(known));
  }

  return {
    failures: () => [...failed].map(([image, reason]) => ({ image, reason })),
    lastError: () => lastError,
    take(text: string): void {
      const line = parse(text);
      if (line?.error) lastError = line.message ?? "";
      const image = imageOf.get(line?.parent_id ?? line?.id ?? "");
      if (line === undefined || image === undefined) return;
      if (line.parent_id === undefined) takeImage(image, line);
      else takeLayer(image, line);
    },
  };
}

interface Layer {
  current: number;
  total: number;
}

function amountText(layers: ReadonlyMap<string, Layer>): string {
  let current = 0;
  let total = 0;
  for (const layer of layers.values()) {
    current += layer.current;
    total += layer.total;
  }
  return `pulling, ${formatSize(current)} of ${formatSize(total)}`;
}

function lineReader(onLine: (line: string) => void): (text: string, stream: "stdout" | "stderr") => void {
  const rest = { stdout: "", stderr: "" };
  return (text, stream) => {
    const lines = (rest[stream] + text).split("\n");
    rest[stream] = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}

function parse(text: string): PullLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as PullLine;
  } catch {
    return undefined;
  }
}

const signs: [PullProblem, RegExp][] = [
  ["disk", /no space left on device/i],
  ["rate-limit", /toomanyrequests|rate limit/i],
  ["architecture", /no matching manifest|no match for platform/i],
  [
    "network",
    /dial tcp|no such host|i\/o timeout|TLS handshake|network is unreachable|connection refused|deadline exceeded|EOF$/i,
  ],
  [
    "not-found",
    /not found|manifest unknown|does not exist|repository name not known|requested access to the resource is denied|\b404\b/i,
  ],
  ["login", /unauthorized|authentication required|no basic auth|denied|forbidden|\b401\b|\b403\b/i],
];

/** Reads an engine's or registry's refusal. Registries hide what one may not see, so "denied" may mean either. */
export function pullProblem(reason: string): PullProblem {
  return signs.find(([, sign]) => sign.test(reason))?.[0] ?? "other";
}

/** Host of the registry that an image reference names; Docker Hub's has none in it. */
export function registryOf(image: string): string | undefined {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? first : undefined;
}

function explainPull({ image, services, reason }: PullFailure): { message: string; hint: string } {
  const registry = registryOf(image);
  const login = `docker login${registry === undefined ? "" : ` ${registry}`}`;
  const place = registry ?? "Docker Hub";
  const used = services.length === 0 ? "" : ` (for ${services.join(", ")})`;
  const told: Record<PullProblem, { message: string; hint: string }> = {
    login: {
      message: `${place} does not give ${image} without a login`,
      hint: `\`${login}\`, then \`./prod.sh start\``,
    },
    "not-found": {
      message: `${place} has no image ${image}, or does not show it without a login`,
      hint: `check the name and tag in stack.yaml; for a private image: \`${login}\``,
    },
    network: {
      message: `${place} cannot be reached for ${image}`,
      hint: "check this host's network and DNS, then `./prod.sh start`; with images that are here: `./prod.sh start --no-pull`",
    },
    disk: {
      message: `The disk is full: ${image} does not fit`,
      hint: "see what takes the room with `docker system df`",
    },
    architecture: {
      message: `${image} does not exist for this machine's architecture`,
      hint: "choose a tag that is built for it, or build the image for it",
    },
    "rate-limit": {
      message: `${place} limits pulls: too many requests for now`,
      hint: `\`${login}\` raises the limit, or wait`,
    },
    other: { message: `${image} cannot be pulled`, hint: "./prod.sh start" },
  };
  const { message, hint } = told[pullProblem(reason)];
  return { message: `${message}${used}: ${reason}`, hint };
}

function pullError(failures: readonly PullFailure[]): StackError {
  const problems = failures.map(explainPull);
  const [first] = problems;
  if (first !== undefined && problems.length === 1) {
    return new StackError({ code: "pull-refused", exit: "unhealthy", ...first });
  }
  return new StackError({
    code: "pull-refused",
    exit: "unhealthy",
    message: `${problems.length} images cannot be had`,
    problems,
  });
}
