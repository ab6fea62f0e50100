/** A name as it stands in SQL. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as it stands in SQL. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/** The argument that leads a client program to a database of any name: `app=1` would be taken for a setting. */
export function connectionTo(database: string): string {
  return `dbname='${database.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

/**
 * File name of a database's dump: `app.dump.tar`. Names with other characters than letters, digits, `_` and `-` begin with
 * `0.` and have each of those as `.` and two hex digits a byte, so that no two databases have one file.
 */
export function dumpPart(database: string): string {
  return `${/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(database) ? database : `0.${escaped(database)}`}.dump.tar`;
}

function escaped(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      return /[A-Za-z0-9_-]/.test(character) ? character : `.${byte.toString(16).padStart(2, "0")}`;
    })
    .join("");
}

const longestName = 63;

/** `app_restore_3f9a1c`: the name with an ending, cut so that the server does not cut it. Counts bytes, as the server does. */
export function nameWith(name: string, ending: string): string {
  let kept = name;
  while (Buffer.byteLength(kept + ending) > longestName) kept = [...kept].slice(0, -1).join("");
  return kept + ending;
}
