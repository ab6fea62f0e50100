import { expect, test } from "vitest";
import { redactor } from "../../../src/support/redact.ts";

test("hides a value wherever it stands", () => {
  const redact = redactor(["hunter2secret\n"]);
  expect(redact("url=postgres://app:hunter2secret@db hunter2secret")).toBe(
    "url=postgres://app:[redacted]@db [redacted]",
  );
});

test("hides a value that is percent-encoded or inside JSON", () => {
  const redact = redactor(['p@ss/w"rd1']);
  expect(redact("x://u:p%40ss%2Fw%22rd1@h")).toBe("x://u:[redacted]@h");
  expect(redact(JSON.stringify({ password: 'p@ss/w"rd1' }))).toBe('{"password":"[redacted]"}');
});

test("hides the longer of two values where one begins with the other", () => {
  expect(redactor(["secret", "secretive-value"])("secretive-value")).toBe("[redacted]");
});

test("hides each line of a value with several", () => {
  expect(redactor(["line-one-of-key\nline-two-of-key"])("at line-two-of-key!")).toBe("at [redacted]!");
});

test("leaves words alone that are too short to be a secret", () => {
  expect(redactor(["on", ""])("once on a time")).toBe("once on a time");
});
