import { rmSync } from "node:fs";
import { join } from "node:path";
import { copies, emptyBucket, must, type Place, toolbox, withStack } from "./backup-stack.ts";
import { type Measured, measureOnce, type Subject } from "./measure.ts";
import { type Line, mebibyte } from "./report.ts";

/** While it copies and delivers; what a restore may hold is not settled. */
const mostMemory = 120 * mebibyte;

/**
 * A large volume to an encrypted bucket and back from there alone, each step once, and all that came back compared with what
 * is there, byte by byte.
 */
export function benchRoundTrip(place: Place): Line[] {
  const name = `bench-trip-${process.pid}`;
  return withStack(place, name, ({ folder, server, run }) => {
    const only = ["--only", "files-files"];
    const step = (what: string, argv: readonly string[]) =>
      timed(`${what}, ${place.size} MB`, { name: what, argv, cwd: folder });
    emptyBucket(name);
    const copied = step("backup run of a volume", run("backup", "run", ...only, "--to", "local"));
    const sent = step(
      "delivery, encrypted on the way",
      run("backup", "run", ...only, "--lane", "dump", "--to", "offsite"),
    );
    // From the bucket alone.
    rmSync(join(folder, "backups/snapshots"), { recursive: true });
    const from = ["--on", "offsite", "--key", server.keyFile];
    const back = step("restore run from the bucket", run("restore", "run", ...only, "--into", "copy", ...from));
    compare(name);
    return [{ ...copied, mostMemory }, { ...sent, mostMemory }, back];
  });
}

function timed(what: string, subject: Subject): Line {
  const { median, memory }: Measured = measureOnce(subject);
  return { what, ours: median, ...(memory !== undefined && { memory }) };
}

/** Throws where the volume that came back differs from the one that is there. */
function compare(name: string): void {
  const live = `${name}_files-files`;
  const restored = copies(name).filter((volume) => volume !== live);
  const [copy] = restored;
  if (copy === undefined || restored.length > 1) throw new Error(`restored were ${restored.length} volumes, not 1`);
  must(
    [
      ...[
        "docker",
        "run",
        "--rm",
        "--user",
        "0",
        "--entrypoint",
        "diff",
        "-v",
        `${live}:/live:ro`,
        "-v",
        `${copy}:/copy:ro`,
      ],
      ...[toolbox, "-r", "--no-dereference", "/live", "/copy"],
    ],
    "/",
  );
}
