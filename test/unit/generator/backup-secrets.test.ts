import { expect, test } from "vitest";
import { modelOf, stackOf } from "../../support/catalogue.ts";

const backup = (lines: string) => `${stackOf("redis: {}")}backup:\n  encrypt: { off: true }\n${lines}`;
const supplied = (stackYaml: string) =>
  modelOf(stackYaml).secrets.flatMap((file) => (file.kind === "supplied" ? [[file.name, file.for, file.mode]] : []));

test("what destinations and reports name is supplied by the user, and no service needs it", () => {
  const model = backup(`  destinations:
    one: { bucket: copies, credentials: s3_keys }
    two: { bucket: more-copies, credentials: s3_keys }
  report: { ping: ping_address, webhook: hook_address }
`);
  expect(supplied(model)).toEqual([
    ["s3_keys", "backup", 0o600],
    ["ping_address", "backup", 0o600],
    ["hook_address", "backup", 0o600],
  ]);
  expect(modelOf(model).secrets.find(({ name }) => name === "s3_keys")?.about).toContain("one and two");
});

test("a file that an app needs too is one that the start needs", () => {
  const app = stackOf("web: { type: app, image: you/web:1, secrets: { AWS: s3_keys } }");
  const model = `${app}backup:
  encrypt: { off: true }
  destinations: { one: { bucket: copies, credentials: s3_keys } }
`;
  expect(supplied(model)).toEqual([["s3_keys", undefined, 0o444]]);
});
