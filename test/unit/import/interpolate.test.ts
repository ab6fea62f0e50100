import { expect, test } from "vitest";
import { parseEnv } from "../../../src/import/env-text.ts";
import { interpolate, withoutUnset } from "../../../src/import/interpolate.ts";
import { shellWords } from "../../../src/import/words.ts";

const values: Record<string, string> = { NAME: "shop", EMPTY: "", OTHER: "x" };

test.each([
  ["$NAME", "shop"],
  ["${NAME}-db", "shop-db"],
  ["$$NAME", "$NAME"],
  ["${EMPTY:-full}", "full"],
  ["${EMPTY-full}", ""],
  ["${NONE:-a ${OTHER:-b}}", "a x"],
  ["${NONE:-${NONE2:-deep}}", "deep"],
  ["${NAME:+yes}", "yes"],
  ["${EMPTY:+yes}", ""],
  ["${NAME:?must be}", "shop"],
  ["100$", "100$"],
  ["$1", "$1"],
  ["${NAME", "${NAME"],
])("%s is %s", (text, expected) => {
  expect(interpolate(text, (name) => values[name])).toEqual({ text: expected, missing: [] });
});

test("a variable without a value is told, with the message that stands there", () => {
  const { text, missing } = interpolate("a ${NONE:?set it} b $GONE", (name) => values[name]);
  expect(withoutUnset(text)).toBe("a  b ");
  expect(missing).toEqual([{ name: "NONE", message: "set it" }, { name: "GONE" }]);
});

test("an env file is read as Compose reads it", () => {
  const text = [
    "# a comment",
    "export A=1",
    "B = two # not this",
    "C='$A # kept'",
    'D="line\\nnext $A"',
    "E=${A}-${MISSING}",
    "F=",
    "no line of it",
    "G=http://x/#frag",
  ].join("\n");
  expect(parseEnv(text, {})).toEqual({
    A: "1",
    B: "two",
    C: "$A # kept",
    D: "line\nnext 1",
    E: "1-",
    F: "",
    G: "http://x/#frag",
  });
});

test.each([
  ["npm run start", ["npm", "run", "start"]],
  [`sh -c "echo 'a b' \\"c\\""`, ["sh", "-c", `echo 'a b' "c"`]],
  ["a\\ b 'c d'e ''", ["a b", "c de", ""]],
  ["it's open", ["it's", "open"]],
])("the words of %s", (line, words) => {
  expect(shellWords(line)).toEqual(words);
});
