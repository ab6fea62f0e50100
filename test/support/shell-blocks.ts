/** Shell blocks below a heading of the fourth level, up to the next heading. */
export function shellBlocks(markdown: string, heading: string): string[] {
  const [, after = ""] = markdown.split(`\n#### ${heading}\n`);
  const section = after.split(/\n#{1,4} /)[0] ?? "";
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  if (blocks.length === 0) throw new Error(`the runbook prints nothing under "${heading}"`);
  return blocks;
}
