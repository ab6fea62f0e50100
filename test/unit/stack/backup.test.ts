import { describe, expect, test } from "vitest";
import { complaintsOf, modelOf, presetText, stackOf } from "../../support/catalogue.ts";

const key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const stack = (lines: string) => `${stackOf("redis: {}")}backup:\n${lines.replace(/^/gm, "  ")}\n`;

test("the section that the preset sentineliq shows in comments is one that works, once it has a key", () => {
  const [before = "", section = ""] = presetText("sentineliq").split(/^(?= {2}# encrypt:)/m);
  const shown = section.replaceAll(/^ {2}# /gm, "  ");
  expect(shown).toContain("age1…");
  const { backup, secrets } = modelOf(`${before}${shown.replace("age1…", key)}`);
  expect(backup).toMatchObject({ encrypt: { kind: "age" }, report: { ping: "backup_ping" } });
  expect(backup.destinations.map(({ name, prefix }) => `${name} ${prefix}`)).toEqual(["offsite sentineliq"]);
  expect(secrets.map(({ name }) => name)).toEqual(expect.arrayContaining(["offsite_s3", "backup_ping"]));
});

describe("whose eyes backups are for", () => {
  test("a public key of age", () => {
    expect(modelOf(stack(`encrypt: { recipients: [${key}] }`)).backup.encrypt).toEqual({
      kind: "age",
      recipients: [key],
    });
  });

  test("a key with a slip of the pen would lock everybody out", () => {
    const slip = key.replace("hjy5", "hyj5");
    expect(complaintsOf(stack(`encrypt: { recipients: [${slip}] }`))).toBe(
      "5:27 backup.encrypt.recipients[0]: the key has a typing mistake: its checksum is wrong; copy the whole key again, from age1 to its end",
    );
  });

  test("a private key is refused without being repeated", () => {
    const secret = `AGE-SECRET-KEY-1${"Q".repeat(58)}`;
    const complaints = complaintsOf(stack(`encrypt: { recipients: [${secret}] }`));
    expect(complaints).toContain("this is a private key; here stands the public one");
    expect(complaints).not.toContain(secret);
  });

  test("encrypt: false is told what to write", () => {
    expect(complaintsOf(stack("encrypt: false"))).toContain("expected recipients:, gpg: or off: true");
  });

  test("copies that leave the server need an answer", () => {
    expect(complaintsOf(stack("destinations: { one: { bucket: copies, credentials: s3 } }"))).toBe(
      "5:3 copies leave this server, and nothing says who may read them\n  run `create-stack backup keygen` and write encrypt: { recipients: [age1…] } (or encrypt: { off: true })",
    );
  });
});
