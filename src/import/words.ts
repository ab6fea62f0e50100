/** Splits a command line into words as a shell would, without running anything. Text that is not closed is one word. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const [piece, single, double, escaped] of line.matchAll(
    /'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|\s+|[^\s'"\\]+|['"\\]/g,
  )) {
    if (/^\s+$/.test(piece)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + (single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? piece);
  }
  if (word !== undefined) words.push(word);
  return words;
}
