import { openPostgres } from "./connections.mjs";

const notes = ["This row came out of Postgres.", "The number of visits is kept in Redis.", "Write a note of your own below."];

const pool = openPostgres({ max: 1 });
try {
  const { rows } = await pool.query("select count(*)::int as count from notes");
  if (rows[0].count === 0) await pool.query("insert into notes (text) select unnest($1::text[])", [notes]);
  process.stdout.write(rows[0].count === 0 ? `${notes.length} notes written\n` : "there are notes already\n");
} finally {
  await pool.end();
}
