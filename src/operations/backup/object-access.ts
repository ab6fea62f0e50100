import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ObjectServer, objectServer } from "../../snapshots/object-source.ts";
import type { DataSourceOf } from "../../stack/model.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { engineName } from "./container.ts";

export type ObjectStoreSource = DataSourceOf<"object-store">;

/**
 * A server in a container, as its root user, at its address on the source's network. That network leads nowhere else,
 * but the host itself is on it.
 */
export async function reachServer(context: Context, source: ObjectStoreSource, id: string): Promise<ObjectServer> {
  const { engine, model, directory, signal } = context;
  const address = await engine.address(id, engineName(model, source.network));
  if (address === undefined)
    throw new StackError({
      code: "source-unreachable",
      exit: "backupFailed",
      message: `${source.service} has no address on the network ${source.network}`,
      hint: `docker compose up -d ${source.service}`,
    });
  const secretIn = (name: string) => readFileSync(join(directory, "secrets", name), "utf8").trim();
  return objectServer({
    name: source.name,
    endpoint: `http://${address.includes(":") ? `[${address}]` : address}:${source.port}`,
    credentials: { accessKeyId: secretIn(source.userSecret), secretAccessKey: secretIn(source.passwordSecret) },
    signal,
  });
}

/** Does something with each item, `width` of them at a time; the first failure ends it. */
export async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      const item = items[next] as Item;
      next += 1;
      try {
        await act(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, worker));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
}
