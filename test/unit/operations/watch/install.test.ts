import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ScheduleHost } from "../../../../src/operations/schedule/host.ts";
import { installWatch, isInstalled, removeWatch, showWatch } from "../../../../src/operations/watch/install.ts";
import { writeWatchMemory } from "../../../../src/operations/watch/memory.ts";
import { watchUnit } from "../../../../src/operations/watch/unit.ts";
import { model } from "../../../support/models.ts";

let root: string;
let calls: string[];
let now: number;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "watch-unit-"));
  calls = [];
  now = Date.parse("2026-11-21T12:00:00Z");
  for (const folder of ["shop", "system", "user"]) mkdirSync(join(root, folder));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const stack = (directory = "shop") => ({
  directory: join(root, directory),
  model: model([]),
  clock: { now: () => now, sleep: () => Promise.resolve() },
});

const host = (parts: Partial<ScheduleHost> = {}): ScheduleHost => ({
  isRoot: true,
  user: "root",
  home: root,
  cronFolder: join(root, "cron.d"),
  systemdFolder: join(root, "system"),
  userUnitFolder: join(root, "user"),
  cronRuns: true,
  systemdRuns: true,
  node: "/usr/local/bin/node",
  env: {},
  run: async (argv) => {
    calls.push(argv.join(" "));
    return { code: 0, stdout: "", stderr: "", timedOut: false };
  },
  ...parts,
});

const path = () => join(root, "system/create-stack-shop-watch.service");

test("the unit keeps the watch running, whatever ends it", () => {
  const facts = {
    name: "shop",
    directory: "/srv/50% off",
    path: ["/opt/node/bin", "/bin"],
    environment: {},
    user: "root",
  };
  expect(watchUnit(facts, { user: false, every: "30s" })).toBe(`# create-stack watch of /srv/50% off
# Made by \`./prod.sh watch install\`; \`./prod.sh watch remove\` takes it away.
[Unit]
Description=Watches the stack shop and restarts what is unhealthy
After=docker.service
StartLimitIntervalSec=0

[Service]
WorkingDirectory=/srv/50%% off
Environment="PATH=/opt/node/bin:/bin"
Environment="NODE_OPTIONS=--max-old-space-size=64 --max-semi-space-size=1"
ExecStart=/bin/sh ./prod.sh watch --every 30s
Restart=always
RestartSec=10

[Install]
WantedBy=multi-user.target
`);
  expect(watchUnit(facts, { user: true })).toContain("ExecStart=/bin/sh ./prod.sh watch\n");
  expect(watchUnit(facts, { user: true })).toMatch(/WantedBy=default\.target\n$/);
});

test("it is written and started once, and exactly that is taken away", async () => {
  const first = await installWatch(stack(), host());
  expect([first.changed, first.path]).toEqual([true, path()]);
  expect(readFileSync(path(), "utf8")).toBe(first.content);
  expect(calls).toEqual([
    "systemctl daemon-reload",
    "systemctl enable create-stack-shop-watch",
    "systemctl restart create-stack-shop-watch",
  ]);
  calls = [];
  expect((await installWatch(stack(), host())).changed).toBe(false);
  expect(calls.at(-1)).toBe("systemctl start create-stack-shop-watch");
  expect((await installWatch(stack(), host(), { every: "30s" })).changed).toBe(true);
  expect(isInstalled(stack(), host())).toBe(true);
  calls = [];
  expect(await removeWatch(stack(), host())).toBe(true);
  expect(calls).toEqual(["systemctl disable --now create-stack-shop-watch", "systemctl daemon-reload"]);
  expect(existsSync(path())).toBe(false);
  expect(await removeWatch(stack(), host())).toBe(false);
});

test("for a user without root it is a unit of the user's", async () => {
  const { path: written, notes, see } = await installWatch(stack(), host({ isRoot: false, user: "ann" }));
  expect(written).toBe(join(root, "user/create-stack-shop-watch.service"));
  expect(calls[0]).toBe("systemctl --user daemon-reload");
  expect(notes).toEqual(["it runs while ann is logged in; always with: sudo loginctl enable-linger ann"]);
  expect(see[1]).toBe("journalctl --user -u create-stack-shop-watch");
});

test("without systemd it is refused, with what to do instead", async () => {
  const act = installWatch(stack(), host({ systemdRuns: false }));
  await expect(act).rejects.toMatchObject({
    code: "no-systemd",
    hint: expect.stringContaining("./prod.sh watch show"),
  });
  expect(existsSync(path())).toBe(false);
});

test("what another stack or program has under the name is left alone", async () => {
  mkdirSync(join(root, "other"));
  await installWatch(stack("other"), host());
  await expect(installWatch(stack(), host())).rejects.toMatchObject({
    hint: `cd ${join(root, "other")} && ./prod.sh watch remove`,
  });
  expect(await removeWatch(stack(), host())).toBe(false);
  writeFileSync(path(), "[Unit]\n");
  await expect(installWatch(stack(), host())).rejects.toThrow("was not made by create-stack");
});

test("it is shown whether it is installed, what it did, and the unit", async () => {
  expect(showWatch(stack(), host({ systemdRuns: false }))).toMatchObject({
    installed: false,
    path: path(),
    content: expect.stringContaining("ExecStart=/bin/sh ./prod.sh watch\n"),
    restarted: [],
  });
  await installWatch(stack(), host(), { every: "1m" });
  mkdirSync(join(root, "shop/.stack"));
  const minute = 60_000;
  writeWatchMemory(join(root, "shop"), {
    services: {
      web: { restarts: 2, restartedAt: now - minute, unhealthyAt: now },
      old: { restarts: 9, restartedAt: now - 40 * minute, unhealthyAt: now - 40 * minute },
    },
    healthy: {},
    restarts: {},
    lookedAt: now,
  });
  const report = showWatch(stack(), host());
  expect(report).toMatchObject({
    installed: true,
    lookedAt: "2026-11-21T12:00:00Z",
    content: expect.stringContaining("--every 1m"),
    restarted: [{ service: "web", restarts: 2, at: "2026-11-21T11:59:00Z" }],
  });
  expect(report.running).toBeUndefined();
});
