import { StackError } from "../../support/errors.ts";

/** Files that stand in the folder of a database server, and whose it is. */
const marks = [
  { file: "global/pg_control", server: "Postgres", component: "postgres" },
  { file: "ibdata1", server: "MySQL or MariaDB" },
  { file: "mysql.ibd", server: "MySQL" },
  { file: "WiredTiger.wt", server: "MongoDB" },
  { file: "appendonlydir", server: "Redis or Valkey with an append-only file", component: "redis" },
  { file: "node.lock", server: "Elasticsearch or OpenSearch" },
];

/** For `find`: any of the files. */
export const markPatterns = marks.map(({ file }) => `-path '*/${file}'`).join(" -o ");

/** The error for the copy of a volume that a running database server writes to. `paths` are the marks that were found. */
export function databaseAtWork(source: string, container: string, paths: readonly string[]): StackError {
  const found = marks.find(({ file }) => paths.some((path) => path === file || path.endsWith(`/${file}`)));
  const { server = "a database", component } = found ?? {};
  const instead =
    component === undefined ? "" : `, or use the component \`${component}\`, which is copied while it runs`;
  return new StackError({
    code: "volume-of-database",
    exit: "backupFailed",
    message: `${source} looks like the folder of ${server} (${paths[0]}), which runs in ${container}: copied while it is written to, it cannot be trusted`,
    hint: `in stack.yaml write \`backup: stop\` (or pause) at this volume${instead}`,
  });
}
