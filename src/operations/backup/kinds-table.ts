import type { DataSource } from "../../stack/data-source.ts";
import { dumpKind } from "./kind-dump.ts";
import { objectStoreKind } from "./kind-object-store.ts";
import { postgresKind } from "./kind-postgres.ts";
import { stackKind } from "./kind-stack.ts";
import { volumeKind } from "./kind-volume.ts";
import type { AnySource, SourceKind, SourceKinds } from "./kinds.ts";

/** Every kind of data source, and what knows how to copy it. */
const kinds: SourceKinds = {
  postgres: postgresKind,
  dump: dumpKind,
  "object-store": objectStoreKind,
  volume: volumeKind,
  stack: stackKind,
};

/** What knows how to copy a source of this kind. */
export function kindOf<Source extends AnySource>(source: Source): SourceKind<Source> {
  return kinds[source.kind as DataSource["kind"]] as unknown as SourceKind<Source>;
}
