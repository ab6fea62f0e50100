import { describe, expect, test } from "vitest";
import { completeWords } from "../../../src/cli/complete.ts";
import { model, service } from "../../support/models.ts";

const offered = { model: undefined, presets: ["demo", "web"] };

describe("completion", () => {
  test.each([
    ["gen", ["generate"]],
    ["create --preset ", ["demo", "web"]],
    ["create --preset w", ["web"]],
    ["create --config ", [":file"]],
    ["generate --dir ", [":directory"]],
    ["generate --dr", ["--dry-run"]],
    ["presets ", ["demo", "web"]],
    ["completion z", ["zsh"]],
    ["start ", []],
    ["nonsense ", []],
    ["bac", ["backup"]],
    ["backup do", ["doctor"]],
    ["--json backup do", ["doctor"]],
    ["backup nonsense ", []],
    ["backup doctor ", []],
    ["backup doctor --js", ["--json"]],
  ])("%s", (line, expected) => {
    expect(completeWords(line.split(" "), offered)).toEqual(expected);
  });

  test("in a stack its services and the verbs of its components", () => {
    const inStack = {
      ...offered,
      model: model([service("web"), service("worker"), service("web-migrate", { class: "job" })], {
        shortcuts: [{ verb: "psql", component: "postgres", service: "postgres", command: [], about: "" }],
      }),
    };
    expect(completeWords(["restart", ""], inStack)).toEqual(["web", "worker"]);
    expect(completeWords(["restart", "web", ""], inStack)).toEqual(["worker"]);
    expect(completeWords(["logs", "--tail", "5", "wo"], inStack)).toEqual(["worker"]);
    expect(completeWords(["ps"], inStack)).toEqual(["psql"]);
    expect(completeWords(["backup", "doctor", ""], inStack)).toEqual(["local"]);
    expect(completeWords(["backup", "doctor", "local", ""], inStack)).toEqual([]);
  });
});
