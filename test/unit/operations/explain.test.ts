import { describe, expect, test } from "vitest";
import type { ObservedContainer } from "../../../src/engine/engine.ts";
import { type Evidence, explain, failureError, listeningIn } from "../../../src/operations/explain.ts";
import { pullProblem, registryOf } from "../../../src/operations/start-pull.ts";

const container: ObservedContainer = {
  id: "1",
  name: "shop-web-1",
  service: "web",
  oneOff: false,
  image: "web:1",
  imageId: "sha256:1",
  composeHash: "h",
  state: "running",
  exitCode: 1,
  oomKilled: false,
  restarts: 0,
  error: "",
  healthLog: [],
  memoryLimit: 64 * 1024 ** 2,
  cpuLimit: 0,
  networks: [],
  addresses: {},
};

const healthcheck = {
  test: ["CMD-SHELL", "curl -f http://127.0.0.1:3000/"],
  interval: 1_000,
  timeout: 1_000,
  startPeriod: 0,
  startInterval: 500,
  retries: 2,
};

function evidence(more: Partial<Evidence>, seen: Partial<ObservedContainer> = {}): Evidence {
  return {
    service: { name: "web", component: "shop", class: "long-running", image: "web:1", healthcheck },
    reason: "unhealthy",
    container: { ...container, ...seen },
    log: ["ready"],
    hostArchitecture: "amd64",
    ...more,
  };
}

const failed = (exitCode: number, output: string) => [
  { exitCode: 0, output: "fine", at: 1 },
  { exitCode, output, at: 2 },
];

describe("a failure explains itself", () => {
  test("a refused connection tells what listens", () => {
    const healthLog = failed(7, "curl: (7) Failed to connect: Connection refused\n");
    expect(explain(evidence({ listening: ["0.0.0.0:8080"] }, { healthLog }))).toEqual({
      service: "web",
      message: "web is unhealthy",
      details: [
        "check: curl -f http://127.0.0.1:3000/",
        "expected: exit code 0, got: exit code 7",
        "it said: curl: (7) Failed to connect: Connection refused",
        "listening inside: 0.0.0.0:8080",
        "last lines of its log:",
        "  ready",
      ],
      hint: "./prod.sh logs web",
    });
  });

  test("what listens does not matter where the check was answered", () => {
    const { details } = explain(evidence({ listening: ["0.0.0.0:3000"] }, { healthLog: failed(22, "HTTP 500") }));
    expect(details.join("\n")).not.toContain("listening");
  });

  test("of a check that is a script, what it asks for is told", () => {
    const test = ["CMD-SHELL", "if command -v curl; then\n  curl -f http://127.0.0.1:3000/health\nfi || exit 1\n"];
    const service = { ...evidence({}).service, healthcheck: { ...healthcheck, test } };
    expect(explain(evidence({ service }, { healthLog: failed(22, "") })).details).toContain(
      "check: GET http://127.0.0.1:3000/health",
    );
  });

  test("an application whose migration never ran is told to migrate, unless memory was the cause", () => {
    const told = explain(evidence({ reason: "crash-loop", neverMigrated: true }));
    expect(told.message).toContain("its database was never migrated");
    expect(told.hint).toBe("./prod.sh migrate, then ./prod.sh start");
    expect(explain(evidence({ reason: "crash-loop", neverMigrated: true }, { oomKilled: true })).hint).not.toContain(
      "migrate",
    );
  });

  test("a server of Postgres before data of another major version: the way back, and the way over", () => {
    const told = explain(
      evidence({
        reason: "crash-loop",
        log: [
          "FATAL:  database files are incompatible with server",
          "DETAIL:  The data directory was initialized by PostgreSQL version 16, which is not compatible with this version 17.11.",
        ],
      }),
    );
    expect(told.message).toContain("its volume was made by another major version of Postgres");
    expect(told.hint).toContain("New major version of Postgres");
    expect(explain(evidence({ reason: "crash-loop", log: ["FATAL:  out of memory"] })).hint).toContain("logs");
  });

  test("a check that hangs got no answer", () => {
    const { details } = explain(evidence({}, { healthLog: failed(-1, "Health check exceeded timeout (1s)") }));
    expect(details).toContain("expected: exit code 0, got: no answer in time");
  });

  test("a service that never got a verdict", () => {
    expect(explain(evidence({ reason: "never-ready" })).message).toBe("web did not become healthy within 9s");
  });

  test("out of memory names the limit and its key", () => {
    const told = explain(evidence({ reason: "out-of-memory" }, { exitCode: 137, restarts: 2 }));
    expect(told.message).toBe("web was killed because it needs more memory than its limit of 64 MB");
    expect(told.hint).toBe(
      "raise components.shop.limits.memory in stack.yaml, then `./prod.sh generate` and `./prod.sh start`",
    );
  });

  test.each([
    [127, "web ended with exit code 127 (its command was not found)"],
    [137, "web ended with exit code 137 (killed)"],
    [3, "web ended with exit code 3"],
  ])("exit code %i", (exitCode, message) => {
    expect(explain(evidence({ reason: "exited" }, { exitCode })).message).toBe(message);
  });

  test("an image for another architecture", () => {
    const told = explain(
      evidence({ reason: "crash-loop", log: ["exec /server: exec format error"], imageArchitecture: "arm64" }),
    );
    expect(told.message).toBe("web cannot run here: its image is for arm64, this machine is amd64");
  });

  test("a program that the image does not have", () => {
    const error = 'OCI runtime create failed: exec: "servre": executable file not found in $PATH: unknown';
    const told = explain(evidence({ reason: "cannot-start", log: [] }, { state: "created", error }));
    expect(told.message).toBe('web cannot be started: there is no program "servre" in its image');
    expect(told.hint).toContain("components.shop");
  });

  test("silence is said too", () => {
    expect(explain(evidence({ reason: "exited", log: [] })).details).toEqual(["it printed nothing"]);
  });

  test("several failures stand in one error, the first in full and the others below it", () => {
    const error = failureError(
      [explain(evidence({ reason: "exited", log: ["a"] })), explain(evidence({ reason: "paused", log: [] }))],
      ["api"],
    );
    expect(error.message).toBe("web ended with exit code 1");
    expect(error.details).toEqual([
      "last lines of its log:",
      "  a",
      "not started because of this: api",
      "",
      "web is paused, which somebody did by hand",
      "it printed nothing",
      "next: docker unpause shop-web-1",
    ]);
  });
});

test("listening sockets are read from the kernel's tables", () => {
  const table = [
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
    "   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1",
    "   1: 0B00007F:8F3B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1",
    "   2: 0100007F:0BB8 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 3 1",
    "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4 1",
    "   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 5 1",
    "   2: B80D01200000000000000000010000FF:0051 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 6 1",
  ].join("\n");
  expect(listeningIn(table)).toEqual(["127.0.0.1:3000", "[::]:80", "127.0.0.1:8080", "[2001:db8:0:0:0:0:ff00:1]:81"]);
});

test.each([
  ['Get "https://ghcr.io/v2/": dial tcp: lookup ghcr.io: no such host', "network"],
  ['Get "https://r:5000/v2/": net/http: TLS handshake timeout', "network"],
  ['Head "https://ghcr.io/v2/a/b/manifests/1": unauthorized', "login"],
  ["error from registry: denied\ndenied", "login"],
  ['Head "https://r/v2/a/manifests/1": no basic auth credentials', "login"],
  [
    "pull access denied for nope, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    "not-found",
  ],
  ["manifest for redis:0.0.1 not found: manifest unknown: manifest unknown", "not-found"],
  ["failed to register layer: write /usr/lib/x: no space left on device", "disk"],
  ["no matching manifest for linux/arm64/v8 in the manifest list entries", "architecture"],
  ["toomanyrequests: You have reached your pull rate limit", "rate-limit"],
  ["something new", "other"],
] as const)("a refused pull is understood: %s", (reason, problem) => {
  expect(pullProblem(reason)).toBe(problem);
});

test.each([
  ["redis:8", undefined],
  ["library/redis:8", undefined],
  ["ghcr.io/a/b:1", "ghcr.io"],
  ["localhost:5000/a", "localhost:5000"],
  ["localhost/a", "localhost"],
])("registry of %s", (image, registry) => {
  expect(registryOf(image)).toBe(registry);
});
