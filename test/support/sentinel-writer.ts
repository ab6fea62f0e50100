import { Redis, type RedisOptions } from "ioredis";

/**
 * Runs in a container beside the servers. Three clients write numbers one after the other and remember what was
 * acknowledged: as the sentinels say, the same with WAIT 1 before it counts, and through the proxy. Each tenth of a second it
 * prints how many each has. At the word `stop` on standard input all that was acknowledged is read back.
 */
export interface WriterReport {
  acknowledged: number;
  lost: number;
  /** Milliseconds without an acknowledged write, at the longest. */
  outage: number;
}

const env = (name: string) => process.env[name] ?? "";
const pause = (time: number) => new Promise((resolve) => setTimeout(resolve, time));

/** Whatever fails, a client is thrown away and another one made: what is measured is the servers, not a library's patience. */
const usual = {
  username: env("REDIS_USERNAME"),
  password: env("REDIS_PASSWORD"),
  connectTimeout: 1_000,
  maxRetriesPerRequest: null,
  retryStrategy: () => null,
} satisfies RedisOptions;

const bySentinels = () =>
  new Redis({
    ...usual,
    sentinels: env("REDIS_SENTINELS")
      .split(",")
      .map((text) => ({ host: text.split(":")[0] ?? "", port: Number(text.split(":")[1]) })),
    name: env("REDIS_MASTER_NAME"),
    sentinelUsername: env("REDIS_SENTINEL_USERNAME"),
    sentinelPassword: env("REDIS_SENTINEL_PASSWORD"),
    sentinelCommandTimeout: 1_000,
    sentinelRetryStrategy: () => null,
  });
const byProxy = () => new Redis({ ...usual, host: env("REDIS_HOST"), port: Number(env("REDIS_PORT")) });

/** Acknowledged so far, by client. */
const counts: Record<string, number> = {};
let stopped = false;
process.stdin.on("data", () => {
  stopped = true;
});

async function write(kind: string, connect: () => Redis, wait: boolean): Promise<WriterReport> {
  const name = `${process.argv.at(-1)}-${kind}`;
  const kept: number[] = [];
  let [outage, last, client] = [0, Date.now(), connected(connect)];
  const ask = async <Answer>(question: (client: Redis) => Promise<Answer>): Promise<Answer | undefined> => {
    try {
      return await soon(question(client));
    } catch {
      client.disconnect();
      await pause(50);
      client = connected(connect);
      return undefined;
    }
  };
  for (let number = 0; !stopped; number++) {
    const taken = await ask(async (now) => {
      await now.set(`${name}:${number}`, number);
      return !wait || (await now.wait(1, 800)) > 0;
    });
    if (taken !== true) continue;
    if (kept.length > 0) outage = Math.max(outage, Date.now() - last);
    kept.push(number);
    counts[kind] = kept.length;
    last = Date.now();
    await pause(2);
  }
  if (kept.length > 0) outage = Math.max(outage, Date.now() - last);
  let lost = 0;
  for (let index = 0; index < kept.length; ) {
    const part = kept.slice(index, index + 1_000);
    const found = await ask((now) => now.mget(part.map((number) => `${name}:${number}`)));
    if (found === undefined) continue;
    lost += part.filter((number, at) => found[at] !== String(number)).length;
    index += part.length;
  }
  return { acknowledged: kept.length, lost, outage };
}

function connected(connect: () => Redis): Redis {
  const client = connect();
  client.on("error", () => {});
  return client;
}

/** What hangs for so long counts as failed. */
function soon<Value>(promise: Promise<Value>): Promise<Value> {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error("late")), 1_500));
  promise.catch(() => {});
  return Promise.race([promise, late]);
}

const said = setInterval(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 100);
const [sentinels, waiting, proxy] = await Promise.all([
  write("sentinels", bySentinels, false),
  write("waiting", bySentinels, true),
  write("proxy", byProxy, false),
]);
clearInterval(said);
process.stdout.write(`${JSON.stringify({ sentinels, waiting, proxy })}\n`);
process.exit(0);
