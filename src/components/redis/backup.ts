import type { DataSourceOf, Task } from "../../stack/model.ts";
import { namesOf } from "./services.ts";

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
    service: key,
    volume: names.data,
    capture: { ...task("capture"), secrets: [names.admin], networks: [key] },
    check: task("check"),
    load: task("load"),
    count: ["sh", script, "count"],
    target: "/data",
  };
}
