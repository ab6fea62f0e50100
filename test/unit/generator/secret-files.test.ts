import { describe, expect, test } from "vitest";
import { composeSecret } from "../../../src/generator/secret-files.ts";
import { secret, secretText } from "../../../src/stack/secret-text.ts";

const read = (name: string) => ({ password: "p@ss/w\n", key: "k" })[name];

describe("composed secrets", () => {
  test("hold the values, percent-encoded or hashed where asked for", () => {
    expect(composeSecret(secretText`postgresql://app:${secret("password", "uri")}@db/app`, read)).toBe(
      "postgresql://app:p%40ss%2Fw@db/app",
    );
    expect(composeSecret(secretText`#${secret("key", "sha256")}`, read)).toBe(
      "#8254c329a92850f6d539dd376f4816ee2764517da5e0235514af433164480d7a",
    );
    // Four bytes of salt, made of the secret's name, and the SHA-256 of both.
    expect(composeSecret(secretText`${secret("key", "rabbitmq")}`, read)).toBe(
      "LHDhK18kHI1sJ0qFp/+SKawFnhfb8PEhxqAaVJRsTxFCrkMe",
    );
  });

  test("leave out the lines of a secret that is not there yet, and only those", () => {
    const text = secretText`# head\nA=${secret("key")}\nB=${secret("missing")}x\nC=${secret("password")}\n`;
    expect(composeSecret(text, read)).toBe("# head\nA=k\nC=p@ss/w\n");
  });

  test("are not made when their one value is missing", () => {
    expect(composeSecret(secretText`${secret("missing")}`, read)).toBeUndefined();
  });
});
