import { expect, test } from "vitest";
import type { ObservedContainer } from "../../../src/engine/engine.ts";
import { type ExecRequest, planExec, runExec } from "../../../src/operations/exec.ts";
import { findShortcut, runShortcut } from "../../../src/operations/shortcut.ts";
import type { Shortcut } from "../../../src/stack/model.ts";
import { StackError } from "../../../src/support/errors.ts";
import { fakeEngine } from "../../support/fake-engine.ts";
import { container, model, service } from "../../support/models.ts";

function shortcut(component: string): Shortcut {
  return { verb: "psql", component, service: component, command: ["psql", "-U", "web"], about: "" };
}

const stack = model([service("web", { replicas: 2 }), service("db"), service("web-migrate", { class: "job" })], {
  shortcuts: [shortcut("db")],
});
const web = (number: number, parts: Partial<ObservedContainer> = {}) =>
  container("web", { id: `web${number}`, name: `shop-web-${number}`, ...parts });
const shell = "sh -c command -v bash >/dev/null && exec bash || exec sh";

function plan(containers: ObservedContainer[], parts: Partial<ExecRequest> = {}): string {
  const request = { service: "web", command: ["ls", "-l"], terminal: true, ...parts };
  try {
    return planExec(stack, containers, request).join(" ");
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    return `${error.exit}: ${error.message} -> ${error.hint}`;
  }
}

test.each<[string, ObservedContainer[], Partial<ExecRequest>, string]>([
  ["on a terminal", [web(1)], {}, "exec web ls -l"],
  ["without one", [web(1)], { terminal: false }, "exec -T web ls -l"],
  ["as another user", [web(1)], { user: "0:0" }, "exec --user 0:0 web ls -l"],
  ["without a command", [web(1)], { command: [] }, `exec web ${shell}`],
  ["in the first of several", [web(2), web(3)], {}, "exec --index 2 web ls -l"],
  ["in the healthy one", [web(2, { health: "unhealthy" }), web(3)], {}, "exec --index 3 web ls -l"],
  ["in the one that runs", [web(2, { state: "exited" }), web(3)], {}, "exec --index 3 web ls -l"],
  ["in a sick one where all are", [web(2, { health: "unhealthy" })], {}, "exec web ls -l"],
  ["in one by its number", [web(2), web(3)], { index: 3 }, "exec --index 3 web ls -l"],
  [
    "in a number that is not there",
    [web(2), web(3)],
    { index: 1 },
    "invalidInput: web has no running container number 1 -> running: 2, 3",
  ],
  ["in nothing", [], {}, "unhealthy: web is not started -> ./prod.sh start"],
  [
    "in one that ended",
    [web(1, { state: "exited", exitCode: 3 })],
    {},
    "unhealthy: web has ended (exit code 3) -> ./prod.sh status",
  ],
  [
    "in one that crashes",
    [web(1, { state: "restarting" })],
    {},
    "unhealthy: web is being restarted -> ./prod.sh status",
  ],
  [
    "in a job",
    [],
    { service: "web-migrate" },
    "unhealthy: web-migrate is a job: it runs on demand and then ends -> ./prod.sh logs web-migrate",
  ],
  [
    "in a service that is not",
    [],
    { service: "wbe" },
    'invalidInput: there is no service "wbe" in this stack -> did you mean "web"?',
  ],
  ["in a service of the override file", [container("extra")], { service: "extra" }, "exec extra ls -l"],
])("a command %s", (_, containers, parts, expected) => {
  expect(plan(containers, parts)).toBe(expected);
});

test("the exit code of the command is passed on, run in the stack's directory", async () => {
  const engine = fakeEngine();
  engine.add({ service: "db" });
  const runs: string[] = [];
  const context = { directory: "/srv/shop", model: stack, engine, signal: new AbortController().signal };
  const run = async (argv: readonly string[], { cwd }: { cwd: string }) => {
    runs.push(`${cwd}$ ${argv.join(" ")}`);
    return 7;
  };
  expect(await runExec(context, { service: "db", command: ["true"], terminal: false }, run)).toBe(7);
  expect(await runShortcut(context, { verb: "psql", words: ["-c", "select 1"], terminal: true }, run)).toBe(7);
  expect(runs).toEqual([
    "/srv/shop$ docker compose exec -T db true",
    "/srv/shop$ docker compose exec db psql -U web -c select 1",
  ]);
});

test("one component with a shortcut needs no name; several need one", () => {
  const several = model([], { shortcuts: [shortcut("db"), shortcut("reports")] });
  expect(findShortcut(stack, "psql", ["db"]).rest).toEqual(["db"]);
  const { shortcut: found, rest } = findShortcut(several, "psql", ["reports", "-l"]);
  expect([found.component, rest]).toEqual(["reports", ["-l"]]);
  const refusal = (...words: string[]) => {
    try {
      findShortcut(several, "psql", words);
    } catch (error) {
      if (error instanceof StackError) return `${error.message} -> ${error.hint}`;
    }
    return "fine";
  };
  expect(refusal()).toBe("psql needs to know which component: db or reports -> ./prod.sh psql db");
  expect(refusal("-l")).toBe("psql needs to know which component: db or reports -> ./prod.sh psql db -l");
  expect(refusal("-c", "select 'a'", "")).toBe(
    `psql needs to know which component: db or reports -> ./prod.sh psql db -c 'select '\\''a'\\''' ''`,
  );
  expect(refusal("report", "-l")).toBe(
    "psql needs to know which component: db or reports -> ./prod.sh psql reports -l",
  );
});
