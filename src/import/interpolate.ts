/** A variable that was asked for and has no value. */
export interface Missing {
  name: string;
  message?: string;
}

export interface Interpolated {
  text: string;
  missing: Missing[];
}

type LookUp = (name: string) => string | undefined;

const opening = "\u0001";
const closing = "\u0002";

/** What stands in a text in place of a variable without a value; where it matters is only known later. */
export function placeholder(name: string): string {
  return `${opening}${name}${closing}`;
}

/** Name of the variable where the text is nothing but one without a value. */
export function unsetIn(text: string): string | undefined {
  return /^\u0001([^\u0001\u0002]*)\u0002$/.exec(text)?.[1];
}

/** Names of all variables without a value in a text. */
export function allUnsetIn(text: string): string[] {
  return [...text.matchAll(/\u0001([^\u0001\u0002]*)\u0002/g)].map(([, name = ""]) => name);
}

/** The text with nothing where a variable has no value, as Compose would read it. */
export function withoutUnset(text: string): string {
  return text.replace(/\u0001[^\u0001\u0002]*\u0002/g, "");
}

/** Compose's variables: `$NAME`, `${NAME}`, `:-`, `-`, `:?`, `?`, `:+`, `+`, nested; `$$` is a dollar. */
export function interpolate(text: string, lookUp: LookUp): Interpolated {
  const missing: Missing[] = [];
  let result = "";
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at);
    if (rest.startsWith("$$")) {
      result += "$";
      at += 2;
      continue;
    }
    const plain = /^\$([A-Za-z_]\w*)/.exec(rest);
    const end = rest.startsWith("${") ? closingBrace(rest) : undefined;
    if (plain !== null) {
      result += filledIn(plain[1] ?? "", "", "");
      at += plain[0].length;
    } else if (end !== undefined) {
      const [, name = "", operator = "", word = ""] =
        /^([A-Za-z_]\w*)(:?[-?+])?([\s\S]*)$/.exec(rest.slice(2, end)) ?? [];
      result += name === "" ? rest.slice(0, end + 1) : filledIn(name, operator, word);
      at += end + 1;
    } else {
      result += rest[0];
      at += 1;
    }
  }
  return { text: result, missing };

  function filledIn(name: string, operator: string, word: string): string {
    const value = lookUp(name);
    const isThere = value !== undefined && (value !== "" || !operator.startsWith(":"));
    if (operator.endsWith("+")) return isThere ? nested(word) : "";
    if (isThere) return value;
    if (operator.endsWith("-")) return nested(word);
    missing.push({ name, ...(operator.endsWith("?") && word !== "" && { message: word }) });
    return placeholder(name);
  }

  function nested(word: string): string {
    const inner = interpolate(word, lookUp);
    missing.push(...inner.missing);
    return inner.text;
  }
}

/** Index of the brace that closes the one in `${`. */
function closingBrace(text: string): number | undefined {
  let depth = 0;
  for (let at = 1; at < text.length; at += 1) {
    if (text[at] === "{" && text[at - 1] === "$") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return undefined;
}
