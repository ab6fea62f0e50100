import type { Position } from "../support/errors.ts";

/** Text of a file, or undefined where there is none. The one way in which an import sees the disk. */
export type ReadText = (path: string) => string | undefined;

/** What is read, and how. */
export interface ComposeSource {
  /** Absolute paths of Compose files; later ones override earlier ones. */
  files: readonly string[];
  /** Environment of the caller; it wins over `.env` beside the first file, as with Compose. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Profiles whose services are wanted too. */
  profiles: readonly string[];
  read: ReadText;
}

/** A map of YAML. */
export type Raw = Record<string, unknown>;

/** A variable that has no value, with each place where it stands. */
export interface UnsetVariable {
  name: string;
  position: Position;
  /** Of `${NAME:?message}`. */
  message?: string;
}

/** Compose files as one, in the long forms, before anything is made of it. */
export interface ComposeProject {
  name: string;
  /** Folder of the first file: what relative paths are relative to. */
  folder: string;
  services: Record<string, Raw>;
  volumes: Record<string, Raw>;
  networks: Record<string, Raw>;
  secrets: Record<string, Raw>;
  configs: Record<string, Raw>;
  unset: UnsetVariable[];
  /** Where each service begins. */
  places: Record<string, Position>;
  /** Keys beside `services` that Compose does not know, with the name of their file. */
  unknown: { file: string; key: string }[];
  /** Keys that only Swarm reads, with their places. */
  swarm: { key: string; position: Position }[];
}

export function isMap(value: unknown): value is Raw {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value where a map may stand; anything else is an empty one. */
export function mapOf(value: unknown): Raw {
  return isMap(value) ? value : {};
}

/** One item or a list of them. */
export function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** Text of a scalar; undefined for what is none. */
export function textOf(value: unknown): string | undefined {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value)
    : undefined;
}
