import { StackError } from "../../support/errors.ts";
import type { ProducedPart } from "./kinds.ts";

/**
 * Shell function that says what a file came to, to be called in a producer once the file is complete and synced:
 * `report base.tar.zst`. Works in dash, bash and BusyBox.
 */
export const reportFunction = `report() {
  sync "$1"
  set -- "$1" "$(sha256sum <"$1")" "$(wc -c <"$1")"
  echo "part \${1##*/} $((\${3})) \${2%% *}"
}`;

const line = /^part ([A-Za-z0-9][A-Za-z0-9._-]*) (\d+) ([0-9a-f]{64})$/;

/** The parts that a producer's output tells of. None at all is an error: it did not come to its end. */
export function parsePartLines(what: string, output: readonly string[]): ProducedPart[] {
  const parts = output.flatMap((text) => {
    const [, name, bytes, sha256] = line.exec(text.trim()) ?? [];
    return name === undefined || sha256 === undefined ? [] : [{ name, bytes: Number(bytes), sha256 }];
  });
  if (parts.length > 0) return parts;
  throw new StackError({
    code: "backup-incomplete",
    exit: "backupFailed",
    message: `${what} ended without saying what it wrote`,
    details: output.slice(-15),
    hint: "./prod.sh backup run",
  });
}
