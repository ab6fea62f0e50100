import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ObjectServer, objectServer } from "../../snapshots/object-source.ts";
import type { DataSourceOf } from "../../stack/data-source.ts";
import { StackError } from "../../support/errors.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";

export type ObjectStoreSource = DataSourceOf<"object-store">;

/**
 * A server in a container, as its root user, at its address on the source's network. That network leads nowhere else,
 * but the host itself is on it.
 */
export async function reachServer(context: Context, source: ObjectStoreSource, id: string): Promise<ObjectServer> {
  const { engine, model, directory, clock, signal } = context;
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
    clock,
    signal,
  });
}
