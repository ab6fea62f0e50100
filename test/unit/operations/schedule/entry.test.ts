import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  cronFile,
  crontabLines,
  type EntryFacts,
  systemdUnits,
  withEntry,
  withoutEntry,
} from "../../../../src/operations/schedule/entry.ts";
import type { ScheduleHost } from "../../../../src/operations/schedule/host.ts";
import {
  installedKinds,
  installSchedule,
  isOutdated,
  removeSchedule,
} from "../../../../src/operations/schedule/install.ts";
import { showSchedule } from "../../../../src/operations/schedule/show.ts";
import { StackError } from "../../../../src/support/errors.ts";
import { backupSettings, model } from "../../../support/models.ts";

const facts: EntryFacts = {
  name: "shop",
  directory: "/srv/shop",
  path: ["/opt/node 22/bin", "/usr/bin", "/bin"],
  environment: {},
  user: "root",
};

/** What cron makes of a line: the command up to the first bare percent sign, without the backslashes before others. */
function asCronReads(line: string): string {
  const command = line.replace(/^(\S+\s+){5}(root\s+)?/, "");
  const bare = /(?<!\\)%/.exec(command);
  return (bare === null ? command : command.slice(0, bare.index)).replaceAll("\\%", "%");
}

describe("the entry", () => {
  test("for /etc/cron.d", () => {
    expect(cronFile(facts)).toBe(`# create-stack schedule of /srv/shop
# Made by \`./prod.sh schedule install\`; \`./prod.sh schedule remove\` takes it away. What is due when stands in stack.yaml.
SHELL=/bin/sh
* * * * * root cd /srv/shop && PATH='/opt/node 22/bin:/usr/bin:/bin' /bin/sh ./prod.sh schedule run >/dev/null
`);
  });

  test("for systemd", () => {
    const { service, timer } = systemdUnits({
      ...facts,
      directory: "/srv/50% off",
      environment: { DOCKER_HOST: 'unix:///run/"x"%' },
    });
    expect(service).toContain("WorkingDirectory=/srv/50%% off\n");
    expect(service).toContain('Environment="PATH=/opt/node 22/bin:/usr/bin:/bin"\n');
    expect(service).toContain('Environment="DOCKER_HOST=unix:///run/\\"x\\"%%"\n');
    expect(service).toContain("ExecStart=/bin/sh ./prod.sh schedule run\n");
    expect(timer).toContain("OnCalendar=*-*-* *:*:00\n");
  });

  test("in a crontab stands once beside what the user has there, and goes without it", () => {
    const own = "# mine\n0 1 * * * /usr/bin/true\n";
    const once = withEntry(own, facts);
    expect(once).toBe(`# mine\n0 1 * * * /usr/bin/true\n${crontabLines(facts).join("\n")}\n`);
    const other = withEntry(once, { ...facts, directory: "/srv/other" });
    expect(withEntry(other, { ...facts, path: ["/bin"] }).split("\n")).toHaveLength(7);
    expect(withoutEntry(withoutEntry(other, facts), { directory: "/srv/other" })).toBe(own);
    expect(withoutEntry(own, facts)).toBe(own);
    expect(withEntry("", facts)).toBe(`${crontabLines(facts).join("\n")}\n`);
  });
});

describe("a shell without any surroundings", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "cron-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  test.each(["plain", "with space", "50% off", "it's", '$HOME `x` "q" \\ & ; é'])("runs it in %s", (name) => {
    const directory = join(root, name);
    mkdirSync(directory);
    // Without the right to run: a copy from elsewhere may have lost it.
    writeFileSync(join(directory, "prod.sh"), 'echo "$PWD|$PATH|$DOCKER_HOST|$*" >&2; echo quiet\n');
    chmodSync(join(directory, "prod.sh"), 0o644);
    const [, line = ""] = crontabLines({
      ...facts,
      directory,
      environment: { DOCKER_HOST: "unix:///run/my docker%.sock" },
    });
    const { stdout, stderr, status } = spawnSync("/usr/bin/env", ["-i", "/bin/sh", "-c", asCronReads(line)], {
      encoding: "utf8",
      cwd: "/",
    });
    expect(stderr).toBe(`${directory}|/opt/node 22/bin:/usr/bin:/bin|unix:///run/my docker%.sock|schedule run\n`);
    expect([stdout, status]).toEqual(["", 0]);
  });

  test("says so where the stack has moved away", () => {
    const [, line = ""] = crontabLines({ ...facts, directory: join(root, "gone") });
    const { stderr, status } = spawnSync("/usr/bin/env", ["-i", "/bin/sh", "-c", asCronReads(line)], {
      encoding: "utf8",
    });
    expect(stderr).toContain("gone");
    expect(status).not.toBe(0);
  });
});

describe("installing", () => {
  let root: string;
  let crontab: string | undefined;
  let calls: string[];
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "install-"));
    crontab = undefined;
    calls = [];
    mkdirSync(join(root, "shop"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const stack = (name = "shop") => ({ directory: join(root, name), model: model([]) });
  const host = (given: Partial<ScheduleHost> = {}): ScheduleHost => ({
    isRoot: true,
    user: "root",
    home: root,
    cronFolder: join(root, "cron.d"),
    systemdFolder: join(root, "systemd"),
    userUnitFolder: join(root, "user"),
    cronRuns: true,
    systemdRuns: true,
    node: "/usr/local/bin/node",
    env: {},
    run: async (argv, input) => {
      const answer = (code: number, stdout = "") => ({ code, stdout, stderr: "", timedOut: false });
      if (argv.join(" ") === "crontab -l") return crontab === undefined ? answer(1) : answer(0, crontab);
      calls.push(argv.join(" "));
      if (argv[0] === "crontab") crontab = input;
      return answer(0);
    },
    ...given,
  });

  test("writes one entry, the same each time, and takes exactly that away", async () => {
    const first = await installSchedule(stack(), host());
    const path = join(root, "cron.d", "create-stack-shop");
    expect([first.kind, first.changed, first.files.map((file) => file.path)]).toEqual(["cron", true, [path]]);
    expect(readFileSync(path, "utf8")).toBe(first.files[0]?.content);
    expect((await installSchedule(stack(), host())).changed).toBe(false);
    expect(await installedKinds(stack(), host())).toEqual(["cron"]);
    writeFileSync(join(root, "cron.d", "php"), "mine\n");
    expect(await removeSchedule(stack(), host())).toEqual(["cron"]);
    expect(await installedKinds(stack(), host())).toEqual([]);
    expect(readFileSync(join(root, "cron.d", "php"), "utf8")).toBe("mine\n");
    expect(await removeSchedule(stack(), host())).toEqual([]);
  });

  test.each<[Partial<ScheduleHost>, string]>([
    [{}, "cron"],
    [{ cronRuns: false }, "systemd"],
    [{ isRoot: false }, "crontab"],
    [{ isRoot: false, cronRuns: false }, "systemd-user"],
  ])("with %j it is for %s", async (given, kind) => {
    const result = await installSchedule(stack(), host({ user: "ann", ...given }));
    expect(result.kind).toBe(kind);
    expect(await installedKinds(stack(), host(given))).toEqual([kind]);
    expect(await removeSchedule(stack(), host(given))).toEqual([kind]);
  });

  test("with systemd it says what it ran", async () => {
    const { commands } = await installSchedule(stack(), host({ cronRuns: false }));
    expect(commands).toEqual(["systemctl daemon-reload", "systemctl enable --now create-stack-shop.timer"]);
    calls = [];
    await removeSchedule(stack(), host({ cronRuns: false }));
    expect(calls).toEqual(["systemctl disable --now create-stack-shop.timer", "systemctl daemon-reload"]);
  });

  test("where nothing can call it, it says so", async () => {
    const act = installSchedule(stack(), host({ cronRuns: false, systemdRuns: false }));
    await expect(act).rejects.toThrow("Neither cron nor systemd runs on this host");
    const told = await installSchedule(stack(), host({ cronRuns: false, systemdRuns: false }), { kind: "cron" });
    expect(told.notes).toEqual(["no cron daemon runs now: start it, or nothing will be called"]);
  });

  test("printing writes nothing", async () => {
    await installSchedule(stack(), host(), { print: true });
    expect(await installedKinds(stack(), host())).toEqual([]);
  });

  test("another kind takes the place of the first", async () => {
    await installSchedule(stack(), host());
    const { notes } = await installSchedule(stack(), host(), { kind: "systemd" });
    expect(notes).toEqual(["the entry of cron was taken away: one is enough"]);
    expect(await installedKinds(stack(), host())).toEqual(["systemd"]);
  });

  test("what another stack or program has under the name is left alone", async () => {
    mkdirSync(join(root, "other"));
    await installSchedule(stack("other"), host());
    await expect(installSchedule(stack(), host())).rejects.toThrow(/calls the stack shop in .*other, not the one in/);
    expect(await removeSchedule(stack(), host())).toEqual([]);
    writeFileSync(join(root, "cron.d", "create-stack-shop"), "0 1 * * * root backup\n");
    await expect(installSchedule(stack(), host())).rejects.toThrow("was not made by create-stack");
    expect(await removeSchedule(stack(), host())).toEqual([]);
  });

  test("an entry that names a Node.js that has moved is told", async () => {
    await installSchedule(stack(), host());
    expect(await isOutdated("cron", stack(), host())).toBe(false);
    expect(await isOutdated("cron", stack(), host({ node: "/opt/node/bin/node" }))).toBe(true);
  });

  test("a line break in the path is refused", async () => {
    const act = installSchedule({ ...stack(), directory: "/srv/a\nb" }, host());
    await expect(act).rejects.toThrow(StackError);
  });

  test("what is shown: the next times in both zones, and what is wrong", async () => {
    const now = Date.parse("2026-03-28T12:00:00Z");
    const settings = backupSettings();
    const schedule = { ...settings.schedule, timezone: "Europe/Berlin", full: "30 2 * * *", jitter: 0 };
    const shown = {
      directory: join(root, "shop"),
      model: model([], { backup: { ...settings, schedule } }),
      clock: { now: () => now, sleep: () => Promise.resolve() },
    };
    const before = await showSchedule(shown, host());
    expect(before.problems).toEqual([
      "not installed: backups run only by hand; install it: ./prod.sh schedule install",
    ]);
    expect(before.lanes[0]).toEqual({
      lane: "full",
      cron: "30 2 * * *",
      next: [
        { at: "2026-03-29T01:00:00Z", there: "2026-03-29 03:00:00" },
        { at: "2026-03-30T00:30:00Z", there: "2026-03-30 02:30:00" },
      ],
    });
    await installSchedule(shown, host());
    expect((await showSchedule(shown, host())).problems).toEqual([
      "it was never called yet: it should be within a minute",
    ]);
    mkdirSync(join(root, "shop/.stack/backup"), { recursive: true });
    writeFileSync(join(root, "shop/.stack/backup/schedule.json"), JSON.stringify({ lastTick: now - 3 * 3_600_000 }));
    expect((await showSchedule(shown, host())).problems).toEqual([
      "it was last called 3h ago: look whether cron or systemd runs, and at its log",
    ]);
  });
});
