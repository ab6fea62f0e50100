import { Document, isScalar, Scalar, visit, type YAMLMap } from "yaml";
import type { AlertRule } from "../../stack/monitoring.ts";
import { formatDuration } from "../../support/units.ts";

/** Text of a file with the alert rules of one component, for people who look up what has just woken them. */
export function ruleFile(component: string, rules: readonly AlertRule[]): string {
  const document = new Document({}, { aliasDuplicateObjects: false });
  document.commentBefore = [
    ` When somebody is told: the rules of ${component}.`,
    "",
    " Made by create-stack. A rule is switched off in stack.yaml (without: [Name], in the section of the monitoring);",
    " rules of your own go into files of the folder rules/.",
  ].join("\n");
  const group = document.createNode({ name: component, rules: rules.map(printed) }) as YAMLMap;
  const nodes = group.get("rules") as { items: YAMLMap[] };
  nodes.items.forEach((node, index) => {
    if (index > 0) node.spaceBefore = true;
    const labels = node.get("labels") as YAMLMap;
    labels.flow = true;
  });
  document.set("groups", document.createNode([group]));
  visit(document, {
    Scalar(_, node) {
      if (isScalar(node) && typeof node.value === "string" && node.value.includes("\n"))
        node.type = Scalar.BLOCK_LITERAL;
    },
  });
  return document.toString({
    lineWidth: 0,
    flowCollectionPadding: true,
    commentString: (text) => text.replace(/^/gm, "#"),
  });
}

/** Labels that every alert of a rule has, beyond those of its series. */
export function labelsOf(rule: AlertRule): Record<string, string> {
  return {
    severity: rule.severity,
    ...(rule.about !== undefined && { component: rule.about }),
    ...(rule.cause && { cause: "true" }),
  };
}

function printed(rule: AlertRule): Record<string, unknown> {
  return {
    alert: rule.name,
    expr: rule.expr.trim(),
    ...(rule.for > 0 && { for: formatDuration(rule.for) }),
    labels: labelsOf(rule),
    annotations: { summary: rule.summary, meaning: rule.meaning, command: rule.command },
  };
}
