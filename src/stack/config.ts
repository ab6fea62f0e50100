import type { Position } from "../support/errors.ts";
import type { BackupSettings } from "./backup-settings.ts";
import type { NotifySettings } from "./monitoring.ts";

/** One entry of `components:`, validated, with defaults filled in. */
export interface ComponentConfig {
  /** Key in stack.yaml. */
  key: string;
  type: string;
  options: unknown;
}

/** `backup:` of stack.yaml, validated, with defaults filled in. */
export type BackupConfig = Omit<BackupSettings, "toolbox">;

/** The validated content of stack.yaml. */
export interface StackConfig {
  name: string;
  /** Which of `environments:` it is; undefined where stack.yaml has none. */
  environment?: string;
  /** Components that the environment takes away. */
  removed?: string[];
  components: ComponentConfig[];
  backup: BackupConfig;
  notify: NotifySettings;
  /** Where a path of keys stands in the file: the value's place, or the nearest one that exists. */
  locate(path: readonly (string | number)[]): Position;
}

/** What the language needs to know of a component type to check its section. */
export interface ComponentSchema {
  type: string;
  about: string;
  options: import("zod").ZodType;
}
