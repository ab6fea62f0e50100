/** A Markdown table, columns padded so that it also reads in a terminal. Empty rows: an empty text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = [head, ...rows].map((row) => row.map(cell));
  const widths = head.map((_, column) => Math.max(3, ...lines.map((line) => line[column]?.length ?? 0)));
  const print = (line: readonly string[]) =>
    `| ${widths.map((width, column) => (line[column] ?? "").padEnd(width)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [print(lines[0] ?? []), rule, ...lines.slice(1).map(print)].join("\n");
}

function cell(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, " ").replaceAll("|", "\\|");
}

/** Text as code. */
export function code(text: string): string {
  return `\`${text}\``;
}

/** `a`, `b` as code with commas, or a dash for none. */
export function codes(names: readonly string[]): string {
  return names.length === 0 ? "-" : names.map(code).join(", ");
}

/** `1 service`, `2 services`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Comments behind commands, brought into one column per block of shell lines; a long command keeps its own. */
export function alignComments(markdown: string): string {
  return markdown.replaceAll(/```sh\n[\s\S]*?```/g, (block) => {
    const lines = block
      .split("\n")
      .map((line) => /^(?<command>[^#\s].*?)\s{2,}(?<comment># .*)$/.exec(line)?.groups ?? line);
    const widths = lines.map((line) => (typeof line === "string" ? 0 : (line.command ?? "").length));
    const column = Math.max(...widths.filter((width) => width <= longestAligned));
    return lines
      .map((line) => (typeof line === "string" ? line : `${(line.command ?? "").padEnd(column)}   ${line.comment}`))
      .join("\n");
  });
}

const longestAligned = 44;
