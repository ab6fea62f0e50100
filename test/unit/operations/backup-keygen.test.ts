import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { confirmKey, type NewKey, readConfirmed, runKeygen } from "../../../src/operations/backup/keygen.ts";
import { makeIdentity } from "../../../src/snapshots/recipients.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "keygen-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Everything that stands in the stack's directory. */
function written(): string {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .map((path) => join(directory, path))
    .filter((path) => statSync(path).isFile())
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
}

describe("backup keygen", () => {
  test("confirms a key that is given back, and writes down the public one alone", async () => {
    let shown: NewKey | undefined;
    const answers: boolean[] = [];
    const result = await runKeygen({
      directory,
      show: (key) => {
        shown = key;
      },
      askBack: async (isTheKey) => {
        for (const answer of ["", shown?.recipient, `${shown?.identity}A`, ` ${shown?.identity.toLowerCase()} `]) {
          answers.push(isTheKey(answer ?? ""));
        }
        return true;
      },
    });
    expect(answers).toEqual([false, false, false, true]);
    expect(result).toEqual({ recipient: shown?.recipient, confirmed: true });
    expect(readConfirmed(directory)).toEqual(new Set([shown?.recipient]));
    expect(written()).toContain(shown?.recipient);
    expect(written().toUpperCase()).not.toContain("SECRET-KEY");
  });

  test("confirms nothing where it is not given back, nobody is asked, or there is no stack", async () => {
    const show = () => {};
    expect((await runKeygen({ directory, show, askBack: async () => false })).confirmed).toBe(false);
    expect((await runKeygen({ directory, show })).confirmed).toBe(false);
    expect((await runKeygen({ directory: undefined, show, askBack: async () => true })).confirmed).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe("backup keygen --confirm", () => {
  test("finds the recipients that a key file opens backups for, one after the other", async () => {
    const [anna, bert] = [await makeIdentity(), await makeIdentity()];
    const stack = { directory, encrypt: { kind: "age" as const, recipients: [anna.recipient, bert.recipient] } };
    expect(await confirmKey(stack, `# Bert\n${bert.identity}\n`)).toEqual({
      confirmed: [bert.recipient],
      missing: [anna.recipient],
    });
    expect(readConfirmed(directory)).toEqual(new Set([bert.recipient]));
    expect(await confirmKey(stack, `${anna.identity}\n`)).toEqual({ confirmed: [anna.recipient], missing: [] });
    expect(readConfirmed(directory)).toEqual(new Set([anna.recipient, bert.recipient]));
    expect(written()).not.toContain("SECRET-KEY");
  });

  test("refuses a key of somebody else and a stack without recipients, and remembers nothing", async () => {
    const [anna, other] = [await makeIdentity(), await makeIdentity()];
    const stack = { directory, encrypt: { kind: "age" as const, recipients: [anna.recipient] } };
    await expect(confirmKey(stack, other.identity)).rejects.toMatchObject({
      code: "backup-key-wrong",
      exit: "secret",
      details: [`its public key: ${other.recipient}`, `in stack.yaml:  ${anna.recipient}`],
    });
    await expect(confirmKey({ directory, encrypt: { kind: "none" } }, anna.identity)).rejects.toMatchObject({
      code: "backup-no-recipients",
      exit: "invalidInput",
    });
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each(["not JSON", "[]", "null", '{"recipients": 7}', '{"recipients": [7, {}]}'])(
    "a list that reads %j confirms nobody and is no obstacle",
    async (text) => {
      const anna = await makeIdentity();
      const encrypt = { kind: "age" as const, recipients: [anna.recipient] };
      await confirmKey({ directory, encrypt }, anna.identity);
      writeFileSync(join(directory, ".stack/backup/confirmed.json"), text);
      expect(readConfirmed(directory)).toEqual(new Set());
      await confirmKey({ directory, encrypt }, anna.identity);
      expect(readConfirmed(directory)).toEqual(new Set([anna.recipient]));
    },
  );
});
