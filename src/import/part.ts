import type { KnownImage } from "./images.ts";
import type { ReadService } from "./read-service.ts";
import type { ImportReport, MovedSecret } from "./report.ts";

/** What a Compose service is going to be. */
export type Role = "component" | "app" | "service" | "absorbed" | "left-out";

/** One Compose service on its way into the stack. */
export interface Part {
  service: ReadService;
  image: KnownImage;
  role: Role;
  /** Key in stack.yaml. */
  key: string;
  /** Component type; of an absorbed one that of the component that does its work. */
  type: string;
  /** Environment with env files in it, unset variables still marked. */
  environment: Record<string, string>;
  /** Section of stack.yaml, without `type`. */
  section: Record<string, unknown>;
  details: string[];
  /** Names by which others reached it. */
  hosts: string[];
}

/** Everything that is found on the way. */
export interface Findings extends Omit<ImportReport, "understood" | "kept"> {
  secrets: MovedSecret[];
}

export function noFindings(): Findings {
  return { fixed: [], notFixed: [], leftOut: [], todo: [], data: [], secrets: [] };
}

/** What a path of the host is. */
export type PathKind = "file" | "folder" | undefined;
