import { type EntryFacts, marker, systemdSurroundings } from "../schedule/entry.ts";

/** Name of the service without its ending. */
export function unitName({ name }: Pick<EntryFacts, "name">): string {
  return `create-stack-${name}-watch`;
}

/** Service file of systemd for the watch; `every` as the user wrote it. */
export function watchUnit(facts: EntryFacts, options: { user: boolean; every?: string }): string {
  const every = options.every === undefined ? "" : ` --every ${options.every}`;
  return [
    marker(facts, "watch"),
    "# Made by `./prod.sh watch install`; `./prod.sh watch remove` takes it away.",
    "[Unit]",
    `Description=Watches the stack ${facts.name} and restarts what is unhealthy`,
    // Not `Requires`: it waits for an engine that is away, and goes on when that is back.
    ...(options.user ? [] : ["After=docker.service"]),
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    ...systemdSurroundings(facts),
    // Heaps that are cleared up before they grow; without it Node.js takes a third more, and a share of the host's memory.
    'Environment="NODE_OPTIONS=--max-old-space-size=64 --max-semi-space-size=1"',
    `ExecStart=/bin/sh ./prod.sh watch${every}`,
    // Also after a good end: it ends by itself when its program was replaced.
    "Restart=always",
    "RestartSec=10",
    "",
    "[Install]",
    `WantedBy=${options.user ? "default" : "multi-user"}.target`,
    "",
  ].join("\n");
}
