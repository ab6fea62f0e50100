import type { Task } from "../../stack/data-source.ts";
import type { SecretFile } from "../../stack/model.ts";
import { secret, secretText } from "../../stack/secret-text.ts";
import type { Contribution } from "../component.ts";
import { namesOf, scriptFolder, scriptMount, serverUser } from "./services.ts";
import { adminUser } from "./users.ts";

/** How the server is copied: mongodump with the changes that happen meanwhile, so that the copy is of one moment. */
export function dumpSource(key: string): NonNullable<Contribution["dataSources"]>[number] {
  const names = namesOf(key);
  const script = `${scriptFolder}/backup.sh`;
  const task = (verb: string): Task => ({
    command: ["sh", script, verb],
    user: serverUser,
    mounts: [scriptMount(key, "backup.sh"), scriptMount(key, "tasks.js")],
  });
  return {
    name: key,
    kind: "dump",
    parts: "`dump.archive.gz`: mongodump's archive, with what changed meanwhile",
    doing:
      "the file is read to its end and its checksum compared; a server of its own is started on the new volume, filled by mongorestore, and stopped",
    service: key,
    volume: names.data,
    capture: { ...task("capture"), secrets: [names.dump], networks: [key] },
    check: task("check"),
    // The copy brings the password that the administrator had then; when the server starts on it, it learns the one of now.
    load: task("load"),
    count: ["sh", script, "count"],
    target: "/data/db",
  };
}

/** Where mongodump logs in, as it reads it: as an argument every process list would show the password. */
export function dumpSecret(key: string): SecretFile {
  const names = namesOf(key);
  return {
    name: names.dump,
    about: `Where and as whom backups of ${key} log in`,
    mode: 0o444,
    kind: "composed",
    content: secretText`uri: "mongodb://${adminUser}:${secret(names.admin, "uri")}@${key}:27017/?authSource=admin&directConnection=true"\n`,
  };
}
