import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openPostgres } from "./connections.mjs";

const folder = join(import.meta.dirname, "migrations");
const pool = openPostgres({ max: 1 });
const client = await pool.connect();
try {
  await client.query(
    "create table if not exists migrations (name text primary key, applied_at timestamptz not null default now())",
  );
  const { rows } = await client.query("select name from migrations");
  const applied = new Set(rows.map((row) => row.name));
  const waiting = readdirSync(folder)
    .filter((name) => name.endsWith(".sql") && !applied.has(name))
    .sort();
  for (const name of waiting) await apply(name);
  process.stdout.write(waiting.length === 0 ? "nothing to migrate\n" : `${waiting.length} migrations applied\n`);
} finally {
  client.release();
  await pool.end();
}

/** A migration and the note that it was applied stand in one transaction: both or neither. */
async function apply(name) {
  process.stdout.write(`applying ${name}\n`);
  await client.query("begin");
  try {
    await client.query(readFileSync(join(folder, name), "utf8"));
    await client.query("insert into migrations (name) values ($1)", [name]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw new Error(`${name}: ${error.message}`, { cause: error });
  }
}
