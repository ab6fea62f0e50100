import fc from "fast-check";
import { parse, stringify } from "yaml";
import { presets, presetText } from "./catalogue.ts";
import { randomStack, textOf } from "./random-config.ts";

/** One change of a text. What it does follows from its numbers, so that a failing case can be made smaller. */
export interface Mutation {
  kind: keyof typeof mutators;
  at: number;
  how: number;
  what: number;
}

/** Texts to begin with: every preset, or a random stack. */
export const baseText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...presets.map(presetText)),
  randomStack.map(textOf),
);

const characters = " \t\n:-#&*!|>'\"%@`{}[],?\\/$=~._^0aZé💾\u0000\u00a0\u2028\ufeff";

const tokens = [
  ..."~ null true no 0 -1 3.5 1e400 .inf .nan 0x1F 0755 99999999999999999999 [] {} [[]] [{}] {a:{}} '' - : ? --- ... <<".split(
    " ",
  ),
  ...'*x &x !!set !!binary !!timestamp !x |- >+ "\\x" \'a # name: components: type: app postgres: redis: minio: traefik: uses: image:'.split(
    " ",
  ),
  ..."foo:latest minio/minio:1 a/b/c:1 512m 0g -4g 99999t 15s 0s 999999d https://a.b a.b/c A.b localhost ../x /etc/passwd".split(
    " ",
  ),
  ..."__proto__ constructor toString length $HOME ${X} `id` $(id) 1000:1000 root 2026-01-01".split(" "),
];

const values: unknown[] = [
  null,
  true,
  0,
  -1,
  1e21,
  3.5,
  "",
  "x",
  "postgres",
  "x".repeat(300),
  [],
  {},
  [null],
  [[]],
  { type: "app" },
  { type: null },
  { path: 3 },
  { version: {} },
  ["a", "a"],
  [{ name: "a", path: "/a" }],
];

function pick<Item>(items: readonly Item[], number: number): Item | undefined {
  return items[number % Math.max(1, items.length)];
}

type Mutate = (text: string, mutation: Omit<Mutation, "kind">) => string;

const mutators = {
  character: (text, { at, how, what }) => {
    const place = at % (text.length + 1);
    const added = how % 3 === 0 ? "" : (pick([...characters], what) ?? "");
    return text.slice(0, place) + added + text.slice(place + (how % 3 === 1 ? 0 : 1));
  },
  line: (text, { at, how, what }) => {
    const lines = text.split("\n");
    const place = at % lines.length;
    const line = lines[place] ?? "";
    const other = what % lines.length;
    const changed = [
      [],
      [line, line],
      [`  ${line}`],
      [line.replace(/^ {1,2}/, "")],
      [`\t${line.trimStart()}`],
      [lines[other] ?? ""],
      [line, lines[other] ?? ""],
      [`# ${line}`],
      [`${line} ${(lines[other] ?? "").trim()}`],
      ["---", line],
    ];
    return lines.toSpliced(place, 1, ...(pick(changed, how) ?? [])).join("\n");
  },
  token: (text, { at, how, what }) => {
    const found = [...text.matchAll(/[^\s,:[\]{}]+/g)];
    const token = pick(found, at);
    if (token === undefined) return text;
    const other = how % 2 === 0 ? pick(tokens, what) : pick(found, what)?.[0];
    return text.slice(0, token.index) + (other ?? "") + text.slice(token.index + token[0].length);
  },
  structure: (text, mutation) => {
    try {
      const data: unknown = parse(text, { maxAliasCount: 10, stringKeys: true, logLevel: "error" });
      changeSomewhere(data, mutation);
      return stringify(data);
    } catch {
      return text;
    }
  },
} satisfies Record<string, Mutate>;

function changeSomewhere(data: unknown, { at, how, what }: Omit<Mutation, "kind">): void {
  const places: [parent: Record<string, unknown>, key: string][] = [];
  const collect = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      places.push([node as Record<string, unknown>, key]);
      collect(value);
    }
  };
  collect(data);
  const place = pick(places, at);
  const other = pick(places, what);
  if (place === undefined || other === undefined) return;
  const [parent, key] = place;
  if (how % 5 === 0) delete parent[key];
  else if (how % 5 === 1) parent[key] = [parent[key]];
  else if (how % 5 === 2) parent[`${key}x`] = parent[key];
  else if (how % 5 === 3) parent[key] = structuredClone(other[0][other[1]]);
  else parent[key] = pick(values, what);
}

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.record({
    kind: fc.constantFrom<Mutation["kind"]>("character", "line", "token", "structure"),
    at: fc.nat(),
    how: fc.nat(),
    what: fc.nat(),
  }),
  { minLength: 1, maxLength: 4 },
);

export function mutate(text: string, changes: readonly Mutation[]): string {
  return changes.reduce((current, { kind, ...change }) => mutators[kind](current, change), text);
}
