import type { Message } from "../../notify/message.ts";
import type { OwnAlertName } from "../../stack/own-alerts.ts";

/** Something that is wrong now. */
export interface Trouble extends Omit<Message, "name" | "stack" | "state" | "at" | "endedAt"> {
  name: OwnAlertName;
  /** Milliseconds that it must last before anybody is told. */
  holds: number;
  /** Milliseconds that it must be gone before it counts as over; what comes and goes is one trouble. */
  clears: number;
}

/** What one look at the stack found. */
export interface Look {
  troubles: Trouble[];
  /**
   * Whether a remembered trouble that was not found is over. False where nothing is known of it: its part of the stack
   * was not looked at, or it follows from another trouble.
   */
  isOver(key: string): boolean;
}

/** First word of a key: what was looked at. */
export function kindOf(key: string): string {
  return key.split("/", 1)[0] ?? "";
}
