import type { DataSourceOf } from "../../stack/model.ts";
import { StackError } from "../../support/errors.ts";
import type { SourceKind } from "./kinds.ts";

function notYet(): never {
  throw new StackError({
    code: "backup-unsupported",
    exit: "backupFailed",
    message: "Object stores are not copied yet",
  });
}

/** A server that speaks S3: every object that is new, and a dated list of all of them. */
export const objectStoreKind: SourceKind<DataSourceOf<"object-store">> = {
  plan: () => ["full"],
  produce: async () => notYet(),
  check: async () => notYet(),
  load: async () => notYet(),
};
