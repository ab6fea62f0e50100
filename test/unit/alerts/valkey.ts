import { casesFor } from "./redis.ts";

export const cases = casesFor("Valkey", "valkey", "valkey-follower", "valkey-sessions");
