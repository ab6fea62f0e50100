import type { DataSourceOf, Task } from "../../stack/data-source.ts";
import type { RedisOptions } from "./options.ts";
import { sentinelNames } from "./sentinel-names.ts";
import { namesOf } from "./services.ts";
import { healthUser } from "./users.ts";

/** The images' users `redis` and `valkey`. */
const user = "999:999";
const script = "/usr/local/etc/backup.sh";

/** What a backup needs to know of a server that keeps its data. */
export function dumpSource(key: string): Omit<DataSourceOf<"dump">, "component"> {
  const names = namesOf(key);
  const task = (verb: string): Task => ({
    command: ["sh", script, verb],
    user,
    mounts: [{ kind: "bind", source: names.backup, target: script, readOnly: true }],
  });
  return {
    name: key,
    kind: "dump",
    parts: "`dump.rdb`: what the server writes when it saves",
    doing: "the server's own checker, and the file put where the server reads it",
    service: key,
    volume: names.data,
    capture: { ...task("capture"), secrets: [names.admin], networks: [key] },
    check: task("check"),
    load: task("load"),
    count: ["sh", script, "count"],
    target: "/data",
  };
}

/** What backup.sh.hbs needs besides names: where there are several servers a replica is copied. */
export function dumpValues(key: string, { mode }: Pick<RedisOptions, "mode">): Record<string, unknown> {
  const several = mode === "sentinel";
  const servers = sentinelNames(key).servers.join(" ");
  return {
    serverList: several ? servers : "",
    restarted: several ? servers : key,
    who: several ? "$host" : key,
    sender: several ? "a replica" : "the running server",
    healthUser,
  };
}
