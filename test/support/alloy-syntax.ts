/** A block of Alloy's configuration language with what stands directly in it. */
export interface AlloyBlock {
  /** `loki.process`, `stage.drop`. */
  name: string;
  label?: string;
  attributes: Record<string, string>;
  blocks: AlloyBlock[];
}

const opening = /^([a-z_.]+)(?: "([a-z]+)")? \{$/;
const attribute = /^([a-z_]+)\s*= (.+)$/;

/** Reads a file that has one thing a line, as ours do. Throws on a line that is neither block, attribute, comment nor end. */
export function parseAlloy(text: string): AlloyBlock[] {
  const root: AlloyBlock = { name: "", attributes: {}, blocks: [] };
  const open = [root];
  const lines = text.split("\n").map((each) => each.trim());
  for (const line of lines.filter((each) => each !== "" && !each.startsWith("//"))) {
    const here = open.at(-1);
    const block = opening.exec(line);
    const pair = attribute.exec(line);
    if (here === undefined) throw new Error("a } too many");
    if (line === "}") open.pop();
    else if (block?.[1] !== undefined) {
      const made = { name: block[1], ...(block[2] && { label: block[2] }), attributes: {}, blocks: [] };
      here.blocks.push(made);
      open.push(made);
    } else if (pair?.[1] !== undefined) here.attributes[pair[1]] = pair[2] ?? "";
    else throw new Error(`not read: ${line}`);
  }
  if (open.length !== 1) throw new Error("a } is missing");
  return root.blocks;
}

/** All blocks, those inside others with the path to them: `loki.process > stage.match > stage.json`. */
export function allBlocks(blocks: readonly AlloyBlock[], path = ""): [path: string, block: AlloyBlock][] {
  return blocks.flatMap((block): [string, AlloyBlock][] => {
    const here = path === "" ? block.name : `${path} > ${block.name}`;
    return [[here, block], ...allBlocks(block.blocks, here)];
  });
}
