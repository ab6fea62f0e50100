import { Document, isMap, isScalar, isSeq, visit } from "yaml";
import { unpinned } from "./images.ts";
import type { Part } from "./part.ts";

/** The text of stack.yaml, with a comment at what has to be looked at. */
export function stackText(
  name: string,
  parts: readonly Part[],
  files: readonly string[],
  more: Record<string, unknown>,
): string {
  const components = Object.fromEntries(
    parts.map(({ key, type, section }) => [key, key === type && type !== "service" ? section : { type, ...section }]),
  );
  const document = new Document({ name, components: { ...components, ...more } }, { aliasDuplicateObjects: false });
  document.commentBefore = [
    ` yaml-language-server: $schema=./.stack/stack.schema.json`,
    ` Imported from ${files.join(", ")} by create-stack import. This file is yours now: edit it, then ./prod.sh generate.`,
  ].join("\n");
  visit(document, {
    Pair(_, pair) {
      if (!isScalar(pair.key) || !isScalar(pair.value)) return;
      if (pair.key.value === "image" && String(pair.value.value).endsWith(`:${unpinned}`))
        pair.value.comment = " write the version that runs now";
    },
    Seq(_, node) {
      if (
        node.items.every((item) => isScalar(item) && !String(item.value).includes("\n")) &&
        node.items.map(String).join(", ").length < 90
      )
        node.flow = true;
    },
    Map(_, node, path) {
      const parent = path.at(-1);
      if (
        isSeq(parent) &&
        node.items.length <= 4 &&
        node.items.every((item) => isScalar(item.value) && !String(item.value.value).includes("\n"))
      )
        node.flow = true;
    },
  });
  const body = document.get("components");
  if (isMap(body))
    for (const [index, pair] of body.items.entries()) if (index > 0 && isScalar(pair.key)) pair.key.spaceBefore = true;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}
