import { describe, expect, test } from "vitest";
import { reportError } from "../../../src/cli/report-error.ts";
import { StackError } from "../../../src/support/errors.ts";

const options = { verbose: false, version: "1.2.3", paint: (_: string, text: string) => text };

describe("what the user is told", () => {
  test("problems stand one below the other with their places and fixes", () => {
    const error = new StackError({
      code: "config-invalid",
      exit: "invalidInput",
      message: "stack.yaml has 2 problems",
      problems: [
        { message: "expected a port", position: { file: "stack.yaml", line: 6, column: 5 }, hint: "write 3000" },
        { message: "unknown key", position: { file: "stack.yaml", line: 12, column: 11 } },
      ],
      hint: "./prod.sh generate",
    });
    const report = reportError(error, options);
    expect(report.exitCode).toBe(2);
    expect(report.text).toBe(
      [
        "error: stack.yaml has 2 problems",
        "  stack.yaml:6:5    expected a port",
        "                    write 3000",
        "  stack.yaml:12:11  unknown key",
        "hint: ./prod.sh generate",
      ].join("\n"),
    );
  });

  test("evidence comes below the message", () => {
    const error = new StackError({ code: "x", exit: "unhealthy", message: "it failed", details: ["line 1", "line 2"] });
    expect(reportError(error, options)).toMatchObject({ text: "error: it failed\n  line 1\n  line 2", exitCode: 4 });
  });

  test("an interruption is no error", () => {
    const error = new StackError({ code: "interrupted", exit: "interrupted", message: "Interrupted." });
    expect(reportError(error, options)).toMatchObject({ text: "Interrupted.", exitCode: 130 });
  });

  test("what the system refused is told with the path and is no bug", () => {
    const error = Object.assign(new Error("EACCES: permission denied, open '/srv/x'"), {
      code: "EACCES",
      path: "/srv/x",
    });
    expect(reportError(error, options)).toMatchObject({
      text: "error: /srv/x: permission denied\nhint: look at who owns it: ls -ld /srv/x",
      exitCode: 2,
    });
  });

  test("anything else is a bug: no stack, unless asked for", () => {
    const report = reportError(new TypeError("x is undefined"), options);
    expect(report.exitCode).toBe(1);
    expect(report.text).toContain("This is a bug in create-stack: x is undefined");
    expect(report.text).toContain("create-stack 1.2.3");
    expect(report.text).toContain("--verbose");
    expect(report.text).not.toContain("report-error.test.ts");
    expect(reportError(new TypeError("x"), { ...options, verbose: true }).text).toContain("report-error.test.ts");
  });

  test("as JSON it holds the same", () => {
    const error = new StackError({ code: "locked", exit: "locked", message: "m", hint: "h" });
    expect(JSON.parse(JSON.stringify(reportError(error, options).json))).toEqual({
      error: { code: "locked", exitCode: 11, message: "m", hint: "h", details: [], problems: [] },
    });
  });
});
