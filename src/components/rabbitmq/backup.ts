import type { DataSource, Task, Unprotected } from "../../stack/data-source.ts";
import type { WithoutComponent } from "../component.ts";
import { configFolder, namesOf } from "./names.ts";
import type { RabbitmqOptions } from "./options.ts";
import { dataFolder, user } from "./services.ts";

/** What a backup needs to know of the server, and what it leaves out. */
export function protection(
  key: string,
  { backup }: Pick<RabbitmqOptions, "backup">,
): { dataSources: WithoutComponent<DataSource>[]; unprotected: Omit<Unprotected, "component">[] } {
  const { data } = namesOf(key);
  if (backup !== "definitions")
    return {
      // What lies on the disk at one moment is what a kill leaves, and from that the server brings back every message
      // that was confirmed. Clients notice nothing of a pause that is shorter than their heartbeats.
      dataSources: [{ name: key, kind: "volume", service: key, volume: data, consistency: { kind: backup } }],
      unprotected: [],
    };
  return {
    dataSources: [definitionsSource(key)],
    unprotected: [
      {
        name: `${key}-messages`,
        reason:
          "copies hold users, queues, exchanges, bindings and policies; backup: pause in stack.yaml keeps messages too",
      },
    ],
  };
}

function definitionsSource(key: string): WithoutComponent<DataSource> {
  const { config, data, admin } = namesOf(key);
  const script = (name: string) => ({ source: `${config}/${name}`, target: `${configFolder}/${name}` });
  const task = (verb: string, ...scripts: string[]): Task => ({
    command: ["bash", script("backup.sh").target, verb],
    user,
    mounts: ["backup.sh", ...scripts].map((name) => ({ kind: "bind", ...script(name), readOnly: true })),
  });
  return {
    name: key,
    kind: "dump",
    parts:
      "`definitions.json`: users, rights, virtual hosts, queues, exchanges, bindings and policies, as `rabbitmqctl import_definitions` takes them",
    doing:
      "Erlang reads the file and counts what is in it; a server of its own is started on the new volume, takes the file in, and is stopped",
    service: key,
    volume: data,
    capture: { ...task("capture", "api.sh"), secrets: [admin], networks: [key] },
    check: task("check"),
    load: task("load"),
    count: ["bash", script("backup.sh").target, "count"],
    target: dataFolder,
  };
}
