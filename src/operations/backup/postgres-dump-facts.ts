import type { SnapshotManifest } from "../../snapshots/manifest.ts";
import { StackError } from "../../support/errors.ts";

/** One database in a dump: what it is called, where it lies, and how to make an empty one of its kind. */
export interface DumpedDatabase {
  name: string;
  /** File in the snapshot. */
  part: string;
  /** Bytes on the server's disk. */
  bytes: number;
  owner: string;
  encoding: string;
  /** `c`: libc, `i`: ICU, `b`: builtin. */
  provider: string;
  collate: string;
  ctype: string;
  /** Of ICU and builtin. */
  locale?: string;
  icuRules?: string;
  tables: number;
  rows: number;
  /** Tables that were too big to be counted. */
  estimated: number;
}

/** What is remembered of a dump. */
export interface DumpFacts {
  /** As PostgreSQL counts: 180006 is 18.6. */
  serverVersion: number;
  databases: DumpedDatabase[];
  /** Roles that may log in. The dump holds no passwords. */
  roles: string[];
}

/** What the server says before the dump begins. */
export interface ServerFacts extends Pick<DumpFacts, "serverVersion" | "roles"> {
  databases: Omit<DumpedDatabase, "part" | "tables" | "rows" | "estimated">[];
  /** Databases that nobody may connect to, so that they cannot be dumped. */
  closed: string[];
}

/** One JSON document. Names of columns differ between versions, so the row is taken as JSON. */
export const serverQuestion = `SELECT json_build_object(
  'serverVersion', current_setting('server_version_num')::int,
  'databases', (SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
      'name', d.datname, 'bytes', pg_database_size(d.oid), 'owner', pg_get_userbyid(d.datdba),
      'encoding', pg_encoding_to_char(d.encoding), 'provider', d.datlocprovider,
      'collate', d.datcollate, 'ctype', d.datctype,
      'locale', coalesce(row->>'datlocale', row->>'daticulocale'), 'icuRules', d.daticurules)) ORDER BY d.datname), '[]')
    FROM pg_database d CROSS JOIN LATERAL to_jsonb(d) AS row WHERE d.datallowconn AND NOT d.datistemplate),
  'closed', (SELECT coalesce(json_agg(datname ORDER BY datname), '[]') FROM pg_database
    WHERE NOT datallowconn AND NOT datistemplate),
  'roles', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles
    WHERE rolcanlogin AND rolname <> 'postgres'))`;

/** The facts of a manifest, as a restore needs them. Rejects a manifest that is not of a dump. */
export function readDumpFacts({ id, facts }: Pick<SnapshotManifest, "id" | "facts">): DumpFacts {
  const known = facts as unknown as DumpFacts;
  if (Number.isSafeInteger(known.serverVersion) && Array.isArray(known.databases) && Array.isArray(known.roles))
    return known;
  throw new StackError({
    code: "backup-damaged",
    exit: "backupFailed",
    message: `The manifest of ${id} does not say which databases it holds`,
    hint: "./prod.sh backup list shows other snapshots",
  });
}
