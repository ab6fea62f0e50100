/** Shell blocks below a heading of the second or the fourth level, up to the next one of its level or above. */
export function shellBlocks(markdown: string, heading: string): string[] {
  const found = markdown.split("\n").find((line) => line === `## ${heading}` || line === `#### ${heading}`);
  const level = found?.indexOf(" ") ?? 0;
  const [, after = ""] = markdown.split(`\n${found}\n`);
  const section = after.split(new RegExp(`\n#{1,${level}} `))[0] ?? "";
  const blocks = [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block);
  if (blocks.length === 0) throw new Error(`the runbook prints nothing under "${heading}"`);
  return blocks;
}
