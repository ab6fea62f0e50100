import { describe, expect, test } from "vitest";
import { allRules, casesOf, typedVerbs, typesLeftOut, typesWithRules } from "../../support/rule-cases.ts";

describe("alert rules", () => {
  test("each component of the catalogue is looked at", () => {
    expect(typesLeftOut).toEqual([]);
    expect(typesWithRules).toContain("monitoring");
  });

  test.each(typesWithRules)(
    "of %s: each has series for which it fires, and such for which it stays silent",
    async (type) => {
      const names = allRules.filter((rule) => rule.type === type).map(({ name }) => name);
      const cases = await casesOf(type);
      expect(Object.keys(cases).sort()).toEqual([...new Set(names)].sort());
      const oneSided = Object.entries(cases).filter(([, { fires, silent }]) => [fires, silent].flat().length < 2);
      // The one that is missed when nobody watches any more.
      expect(oneSided.map(([name]) => name)).toEqual(type === "monitoring" ? ["Watchdog"] : []);
    },
  );

  test("a name stands for the rules of one type", () => {
    const owners = [...new Set(allRules.map(({ name, type }) => `${name} of ${type}`))];
    const names = owners.map((owner) => owner.split(" of ")[0]);
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([]);
  });

  test("the person who reads one is told in one line what it is, and what to type", () => {
    const program = /^(\.\/prod\.sh|docker|sudo|df|free|timedatectl)\b/;
    expect(allRules.filter(({ command }) => !program.test(command)).map(({ name }) => name)).toEqual([]);
    const verbs = allRules.flatMap(({ command }) => /^\.\/prod\.sh ([a-z-]+)/.exec(command)?.[1] ?? []);
    expect(verbs.filter((verb) => !typedVerbs.includes(verb))).toEqual([]);
    // It takes ids of snapshots, not the name of what they are of.
    expect(allRules.filter(({ command }) => /backup verify [^-]/.test(command))).toEqual([]);
    expect(allRules.filter(({ summary }) => /\n|[.!]$/.test(summary)).map(({ name }) => name)).toEqual([]);
    expect(allRules.filter(({ meaning }) => !/\.$/.test(meaning)).map(({ name }) => name)).toEqual([]);
  });
});
