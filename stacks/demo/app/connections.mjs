import { readFileSync } from "node:fs";
import Redis from "ioredis";
import pg from "pg";

/** A setting from the environment, or from the file that NAME_FILE names. */
function setting(name) {
  const file = process.env[`${name}_FILE`];
  const value = file === undefined ? process.env[name] : readFileSync(file, "utf8").trim();
  if (!value) throw new Error(`${name} is not set`);
  return value;
}

export function openPostgres(options = {}) {
  const pool = new pg.Pool({ connectionString: setting("DATABASE_URL"), connectionTimeoutMillis: 3_000, max: 10, ...options });
  // A connection that breaks while nobody uses it is replaced by the pool; without a listener it would end the process.
  pool.on("error", (error) => log("postgres connection lost", error));
  return pool;
}

export function openRedis() {
  const redis = new Redis(setting("REDIS_URL"), { maxRetriesPerRequest: 1, enableReadyCheck: true });
  redis.on("error", (error) => log("redis", error));
  return redis;
}

export function log(message, error) {
  const line = { time: new Date().toISOString(), message, ...(error && { error: error.message }) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
