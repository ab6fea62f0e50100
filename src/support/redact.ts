const mask = "[redacted]";

/** Shorter values would blot out ordinary words; nothing that is made here is as short. */
const shortest = 6;

export type Redact = (text: string) => string;

/** Hides the given secret values in any text, also where they are percent-encoded or written as JSON. */
export function redactor(values: Iterable<string>): Redact {
  const forms = new Set<string>();
  for (const value of values) {
    // A secret of several lines (a key) is hidden line by line, because output comes in lines.
    for (const part of [value.trim(), ...value.split("\n").map((line) => line.trim())]) {
      if (part.length < shortest) continue;
      forms.add(part);
      forms.add(encodeURIComponent(part));
      forms.add(JSON.stringify(part).slice(1, -1));
    }
  }
  // Longest first, so that no part of a longer value stays behind.
  const ordered = [...forms].sort((a, b) => b.length - a.length);
  return (text) => ordered.reduce((hidden, form) => hidden.replaceAll(form, mask), text);
}
