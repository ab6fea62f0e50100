import { dirname } from "node:path";
import { catalogue as components } from "../../src/components/index.ts";
import { type ImportRequest, importCompose } from "../../src/import/import.ts";
import { type Imported, reportLines } from "../../src/import/report.ts";
import { StackError } from "../../src/support/errors.ts";

/** Files of a project in /srv/shop by their path there; the first is the one that is imported. */
export type ProjectFiles = Record<string, string>;

/** Imports a project that stands in memory alone. */
export function importFiles(files: ProjectFiles, more: Partial<ImportRequest> = {}): Imported {
  const paths = new Map(Object.entries(files).map(([path, text]) => [`/srv/shop/${path}`, text]));
  const [first = ""] = paths.keys();
  return importCompose({
    files: [first],
    environment: {},
    profiles: [],
    apps: [],
    dropSwarm: false,
    components,
    read: (path) => paths.get(path),
    kind: (path) =>
      paths.has(path)
        ? "file"
        : [...paths.keys()].some((each) => dirname(each).startsWith(path))
          ? "folder"
          : undefined,
    ...more,
  });
}

export function importText(text: string, more: Partial<ImportRequest> = {}): Imported {
  return importFiles({ "docker-compose.yml": text }, more);
}

/** The report as its reader sees it. */
export function reportOf(imported: Imported): string {
  return reportLines(imported.report, ["docker-compose.yml"]).join("\n");
}

/** What is wrong with a Compose file: `line:column message`, below it the hint. */
export function refusalOf(files: ProjectFiles, more: Partial<ImportRequest> = {}): string {
  try {
    importFiles(files, more);
  } catch (error) {
    if (!(error instanceof StackError)) throw error;
    const lines = error.problems.map(({ message, hint, position }) =>
      [`${position?.line}:${position?.column} ${message}`, ...(hint === undefined ? [] : [`  ${hint}`])].join("\n"),
    );
    return [error.message, ...lines, ...error.details, ...(error.hint === undefined ? [] : [`-> ${error.hint}`])].join(
      "\n",
    );
  }
  return "taken over";
}
