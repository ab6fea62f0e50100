import fc from "fast-check";
import type { ComponentInTests } from "../support/component-in-tests.ts";

const size = fc.integer({ min: 64, max: 4096 }).map((count) => `${count}m`);
const seconds = fc.integer({ min: 1, max: 600 }).map((count) => `${count}s`);
const words = fc.constantFrom(["run"], ["sh", "-c", 'echo "$HOME" $$'], ["22:22", "~"]);

const section = fc
  .record(
    {
      because: fc.constantFrom("imported", "its maker says so"),
      port: fc.integer({ min: 1, max: 65535 }),
      env: fc.constantFrom({ MODE: "x" }, { PRICE: "$5", YES: true }),
      secrets: fc.constantFrom({ API_PHRASE: "service_phrase" }, {}),
      secretFiles: fc.subarray(["license", "other.pem"]),
      health: fc.constantFrom({ exec: ["true"] }, { exec: ["sh", "-c", "test $X"], interval: "9s" }),
      command: words,
      entrypoint: words,
      workingDir: fc.constant("/srv"),
      user: fc.constantFrom("1000:1000", "0:0", "33"),
      replicas: fc.integer({ min: 1, max: 3 }),
      volumes: fc.subarray([
        { name: "data", path: "/var/lib/data", backup: "stop" },
        { name: "more", path: "/more", backup: "pause" },
        { name: "copied", path: "/copied", backup: { before: ["sync"] } },
        { name: "forgotten", path: "/forgotten" },
      ]),
      files: fc.subarray([
        { path: "/etc/a.conf", content: "a: $b\n" },
        { path: "/etc/b", content: "", executable: true },
      ]),
      hostPaths: fc.subarray([{ source: "/etc/localtime", path: "/etc/localtime" }]),
      readOnlyRoot: fc.boolean(),
      capabilities: fc.subarray(["CHOWN", "SETUID", "SETGID"]),
      internal: fc.boolean(),
      oneShot: fc.boolean(),
      shm: size,
      stopGrace: seconds,
      limits: fc.record({ memory: size }),
      compose: fc.constantFrom(
        {},
        { hostname: "old", extra_hosts: ["a:10.0.0.1"] },
        { devices: ["/dev/ttyUSB0:/dev/ttyUSB0"], labels: { "my.label": "$x" }, ulimits: { memlock: -1 } },
      ),
    },
    { requiredKeys: [] },
  )
  .map((options) => ({ type: "service", image: "mysql:8.4.6", routes: [], uses: [], publish: [], ...options }));

export const inTests: ComponentInTests = {
  random: { section, most: 2, parts: "none" },
  monitored: { components: { legacy: { type: "service", image: "mysql:8.4.6" } } },
  // What an import puts in place of the official image of a server.
  healthPrograms: [[/^pgvector\/pgvector$/, /^pg_isready$/]],
};
