import { closeSync, fsyncSync, mkdirSync, openSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { readIfExists, syncFolder } from "../support/files.ts";

/** Adds a line to a file of JSON lines; it is on the disk when this returns. A line that was cut short stays alone. */
export function appendJsonLine(path: string, value: object): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const torn = !(readIfExists(path) ?? "\n").endsWith("\n");
  const file = openSync(path, "a", 0o600);
  try {
    writeSync(file, `${torn ? "\n" : ""}${JSON.stringify(value)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  syncFolder(folder);
}

/** The objects in a file of JSON lines. A line that was cut short when the machine stopped says nothing. */
export function readJsonLines<Value extends object>(path: string): Partial<Value>[] {
  return (readIfExists(path) ?? "").split("\n").flatMap((line) => {
    try {
      const value: unknown = line === "" ? undefined : JSON.parse(line);
      return typeof value === "object" && value !== null ? [value as Partial<Value>] : [];
    } catch {
      return [];
    }
  });
}
