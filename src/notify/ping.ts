import { request } from "./request.ts";

/**
 * Requests an address to say that all went well. Whoever waits for it raises the alarm when it stays away, so it is
 * called after a success and never otherwise. Rejects where it was not taken; the message does not hold the address.
 */
export async function sendPing(address: string, signal: AbortSignal, limit?: number): Promise<void> {
  const { status } = await request(address, { method: "GET" }, signal, limit);
  if (status >= 300) throw new Error(`the ping was answered with ${status}`);
}
