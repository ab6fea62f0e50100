import { join, resolve } from "node:path";
import { ageSealer, gpgSealer, noSealer, type Sealer } from "../../snapshots/seal.ts";
import type { Context } from "../context.ts";
import { backupsFolder } from "./stores.ts";

/** How what leaves this server is encrypted, by stack.yaml. */
export function sealerOf({ directory, model }: Pick<Context, "directory" | "model">): Sealer {
  const { encrypt } = model.backup;
  if (encrypt.kind === "age") return ageSealer(encrypt.recipients);
  if (encrypt.kind === "gpg")
    return gpgSealer(
      encrypt.keys.map((path) => resolve(directory, path)),
      join(backupsFolder(directory), ".staging"),
    );
  return noSealer;
}
