import { Redis } from "ioredis";

/** Asks one sentinel over one connection, past `docker exec`, which would take its processor from it. */
export interface SentinelQuestions {
  /** Name of the primary, empty while it does not say. */
  primary(): Promise<string>;
  close(): void;
}

/** `address`: of the sentinel's container; `key`: of the component, which is the name of what it watches. */
export function askSentinel(address: string, key: string): SentinelQuestions {
  const client = new Redis({
    host: address,
    port: 26379,
    username: "stack_health",
    password: "none",
    // It is an INFO, which this user may not ask.
    enableReadyCheck: false,
  });
  client.on("error", () => {});
  return {
    async primary() {
      const answer = await client.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", key).catch(() => null);
      return (answer as string[] | null)?.[0] ?? "";
    },
    close: () => client.disconnect(),
  };
}
