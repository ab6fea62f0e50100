/** A word as a POSIX shell reads it back: bare where it can be, else in single quotes. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A command line as it is typed in a shell. */
export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(" ");
}
