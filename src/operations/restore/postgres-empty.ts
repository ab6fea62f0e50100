import type { DumpedDatabase } from "../backup/postgres-dump-facts.ts";
import { quoteName, quoteText } from "../backup/postgres-names.ts";

const providers: Record<string, string> = { c: "libc", i: "icu", b: "builtin" };

/** SQL that makes an empty database with the encoding and the sort order of the one that was dumped. */
export function createSql(name: string, dumped: DumpedDatabase): string {
  const { encoding, provider, collate, ctype, locale, icuRules } = dumped;
  const words = [
    `CREATE DATABASE ${quoteName(name)} WITH TEMPLATE template0`,
    `ENCODING ${quoteText(encoding)}`,
    `LOCALE_PROVIDER ${providers[provider] ?? "libc"}`,
    `LC_COLLATE ${quoteText(collate)} LC_CTYPE ${quoteText(ctype)}`,
    ...(provider === "i" && locale !== undefined ? [`ICU_LOCALE ${quoteText(locale)}`] : []),
    ...(provider === "b" && locale !== undefined ? [`BUILTIN_LOCALE ${quoteText(locale)}`] : []),
    ...(icuRules === undefined ? [] : [`ICU_RULES ${quoteText(icuRules)}`]),
  ];
  return `${words.join(" ")};\n`;
}

/** Their values are lists of quoted names already. */
const lists = ["search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries"];

/**
 * SQL for psql that gives a database what belongs to another one and is in no dump of it: owner, who may connect, limit,
 * settings, comment. What is wanted now counts, not what was when the dump was made.
 */
export function likeSql(name: string, like: string): string {
  const [target, model] = [quoteText(name), quoteText(like)];
  return `SET search_path = pg_catalog;
WITH model AS (SELECT * FROM pg_database WHERE datname = ${model}),
settings AS (
  SELECT setrole, split_part(setting, '=', 1) AS setting, substr(setting, strpos(setting, '=') + 1) AS value
  FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE setdatabase = (SELECT oid FROM model)
)
SELECT command FROM (
  SELECT 1, format('ALTER DATABASE %I OWNER TO %I', ${target}, pg_get_userbyid(datdba)) FROM model
  UNION ALL SELECT 2, format('REVOKE ALL ON DATABASE %I FROM PUBLIC', ${target})
  UNION ALL SELECT 3, format('GRANT %s ON DATABASE %I TO %s%s', privilege_type, ${target},
      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
    FROM model, aclexplode(coalesce(datacl, acldefault('d', datdba)))
  UNION ALL SELECT 4, format('ALTER DATABASE %I CONNECTION LIMIT %s', ${target}, datconnlimit) FROM model
  UNION ALL SELECT 5, format('ALTER %s SET %I TO %s',
      CASE setrole WHEN 0 THEN format('DATABASE %I', ${target})
        ELSE format('ROLE %I IN DATABASE %I', pg_get_userbyid(setrole), ${target}) END,
      setting, CASE WHEN setting IN (${lists.map(quoteText).join(", ")}) THEN value ELSE quote_literal(value) END)
    FROM settings
  UNION ALL SELECT 6, format('COMMENT ON DATABASE %I IS %L', ${target}, shobj_description(oid, 'pg_database')) FROM model
) AS commands(place, command) ORDER BY place
\\gexec
`;
}

/** The same where there is no such database any more: the owner has it, and nobody else is let in. */
export function ownedSql(name: string, owner: string): string {
  const database = quoteName(name);
  return `ALTER DATABASE ${database} OWNER TO ${quoteName(owner)};\nREVOKE ALL ON DATABASE ${database} FROM PUBLIC;\n`;
}
