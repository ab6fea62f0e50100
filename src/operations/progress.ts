/**
 * Where an operation tells how far it is. The terminal draws one live line per subject; without a terminal each change
 * is a plain line. Operations never print.
 */
export interface Progress {
  /** A headline: `Pulling 3 images`. */
  phase(text: string): void;
  /** The state of one subject (a service, an image); the last one said stands. */
  update(subject: string, state: "waiting" | "working" | "done" | "failed", text: string): void;
  /** A line that stays: a warning, a line of a migration's output. */
  line(text: string): void;
  /** Nothing more comes: leaves the terminal clean. */
  end(): void;
}

export const silentProgress: Progress = { phase() {}, update() {}, line() {}, end() {} };
