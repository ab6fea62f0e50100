import type { SecretText } from "../stack/secret-text.ts";

/** One Compose service and what it became. */
export interface Became {
  service: string;
  /** Key in stack.yaml. */
  key: string;
  type: string;
  /** Versions, limits, volumes, connections: one thing a line. */
  details: string[];
}

/** Something that was unsafe in the Compose file and is not in the stack. */
export interface Fixed {
  service: string;
  was: string;
  now: string;
}

/** How data gets from the old containers into the stack: lines to type, with words between them as comments. */
export interface DataMove {
  key: string;
  what: string;
  commands: string[];
}

/** What came of an import, for the person who asked for it. Holds no value of a secret. */
export interface ImportReport {
  understood: Became[];
  /** Taken over as `type: service`; the first detail says why. */
  kept: Became[];
  fixed: Fixed[];
  /** Unsafe still, or lost: what a person has to look at. */
  notFixed: { service: string; what: string }[];
  leftOut: { service: string; why: string }[];
  /** What must be done before the first start. */
  todo: string[];
  data: DataMove[];
}

/** A file under secrets/ that an import fills: text of the Compose file, or made of secrets that the stack makes. */
export interface MovedSecret {
  name: string;
  content: SecretText;
}

/** What a Compose file becomes. */
export interface Imported {
  name: string;
  stackYaml: string;
  report: ImportReport;
  /** Values; never printed. */
  secrets: MovedSecret[];
}

/** The report as text for a terminal. */
export function reportLines(report: ImportReport, files: readonly string[]): string[] {
  const lines = [`Read ${files.join(", ")}.`];
  const section = (title: string, body: readonly string[]) => {
    if (body.length > 0) lines.push("", title, ...body.map((line) => `  ${line}`));
  };
  const became = ({ service, key, type, details }: Became) => [
    `${service} -> ${key === type ? type : `${key} (${type})`}`,
    ...details.map((detail) => `    ${detail}`),
  ];
  section("1. Understood", report.understood.flatMap(became));
  section("2. Kept as it is, as type: service", report.kept.flatMap(became));
  section(
    "3. Was unsafe, is fixed",
    report.fixed.map(({ service, was, now }) => `${service}: ${was} -> ${now}`),
  );
  section(
    "Look at these: lost, or not safe yet",
    report.notFixed.map(({ service, what }) => `${service}: ${what}`),
  );
  section(
    "Left out",
    report.leftOut.map(({ service, why }) => `${service}: ${why}`),
  );
  section(
    "Data: nothing was moved. When the stack runs, and before you remove the old containers:",
    report.data.flatMap(({ key, what, commands }) => [`${key}: ${what}`, ...commands.map((line) => `    ${line}`)]),
  );
  section("Before the first start", report.todo);
  return lines;
}
