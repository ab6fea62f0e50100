/** A file of the stack's directory before it is written. */
export interface RenderedFile {
  /** Relative to the stack's directory, with forward slashes. */
  path: string;
  content: string;
  mode: number;
  /** `generated`: ours, kept up to date. `once`: made when missing, then the user's. */
  owner: "generated" | "once";
}
