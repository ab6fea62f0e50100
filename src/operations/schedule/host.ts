import { existsSync, readdirSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { readIfExists } from "../../support/files.ts";
import { type RunResult, run } from "../../support/process.ts";

/** What there is on a host to call something every minute; tests bring their own. */
export interface ScheduleHost {
  isRoot: boolean;
  user: string;
  home: string;
  /** /etc/cron.d, /etc/systemd/system and the user's units. */
  cronFolder: string;
  systemdFolder: string;
  userUnitFolder: string;
  /** A cron daemon runs. */
  cronRuns: boolean;
  systemdRuns: boolean;
  /** Absolute path of the Node.js that runs this. */
  node: string;
  env: Readonly<Record<string, string | undefined>>;
  run(argv: readonly string[], input?: string): Promise<RunResult>;
}

const daemons = ["cron", "crond", "cronie", "fcron"];

/** The host that this runs on. */
export function thisHost(): ScheduleHost {
  const home = homedir();
  return {
    isRoot: process.getuid?.() === 0,
    user: userInfo().username,
    home,
    cronFolder: "/etc/cron.d",
    systemdFolder: "/etc/systemd/system",
    userUnitFolder: join(process.env.XDG_CONFIG_HOME ?? join(home, ".config"), "systemd", "user"),
    cronRuns: runningPrograms().some((name) => daemons.includes(name)),
    // As sd_booted(3) finds out.
    systemdRuns: existsSync("/run/systemd/system"),
    node: process.execPath,
    env: process.env,
    run: (argv, input) => run(argv, { timeout: 30_000, ...(input !== undefined && { input }) }),
  };
}

function runningPrograms(): string[] {
  try {
    return readdirSync("/proc")
      .filter((entry) => /^\d+$/.test(entry))
      .map((pid) => (readIfExists(`/proc/${pid}/comm`) ?? "").trim());
  } catch {
    // Processes come and go, and a system other than Linux has no such folder.
    return [];
  }
}

const usual = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Folders of programs for a surrounding that knows none: that of Node.js, that of docker, then the usual ones. */
export function programFolders({ node, env }: Pick<ScheduleHost, "node" | "env">): string[] {
  const docker = (env.PATH ?? "")
    .split(delimiter)
    .find((folder) => folder !== "" && existsSync(join(folder, "docker")));
  return [...new Set([dirname(node), ...(docker === undefined ? [] : [docker]), ...usual])];
}

/** Variables that choose the engine. */
export function engineEnvironment({ env, isRoot }: Pick<ScheduleHost, "env" | "isRoot">): Record<string, string> {
  const names = ["DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"];
  // Where a rootless engine listens.
  const wanted = isRoot ? names : [...names, "XDG_RUNTIME_DIR"];
  return Object.fromEntries(wanted.flatMap((name) => (env[name] ? [[name, env[name] ?? ""]] : [])));
}
