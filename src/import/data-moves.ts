import { shellWord } from "../support/shell-line.ts";
import type { ComposeProject } from "./compose-file.ts";
import { textOf } from "./compose-file.ts";
import type { Part } from "./part.ts";
import type { DataMove } from "./report.ts";

/** Name of a volume at the engine: Compose puts the project's name before it. */
export function engineVolume(project: ComposeProject, name: string): string {
  const body = project.volumes[name];
  if (body === undefined) return `${project.name}_${name}`;
  const own = textOf(body.name);
  if (own !== undefined) return own;
  return body.external === undefined || body.external === false ? `${project.name}_${name}` : name;
}

/** What else of the stack matters to a move. */
interface Around {
  /** Keys of those that use the server. */
  users: readonly string[];
  /** Whether it is the only one of its type: then its shortcut needs no name. */
  alone: boolean;
}

/** How the data of a server that became a component gets into the stack. */
export function componentMove(part: Part, project: ComposeProject, folder: string, around: Around): DataMove[] {
  const move = moves[part.type];
  if (move !== undefined) return move(part, project, folder, around);
  return [{ key: part.key, what: "what the old one holds is not taken over; it begins empty", commands: [] }];
}

type Move = (part: Part, project: ComposeProject, folder: string, around: Around) => DataMove[];

const moves: Record<string, Move> = {
  postgres: movePostgres,
  redis: moveRedis,
  valkey: moveRedis,
  minio: ({ key }, _, folder, { alone }) => [
    {
      key,
      what: "copy bucket by bucket with mc, from the old server's address and login",
      commands: [
        `cd ${quoted(folder)}`,
        `./prod.sh start ${key}`,
        `./prod.sh mc${alone ? "" : ` ${key}`} --help   # mc alias set old http://OLD:9000 USER PASSWORD, then mc mirror old/BUCKET and the new one`,
      ],
    },
  ],
  mongodb: ({ key, service }, project, folder) => [
    {
      key,
      what: "dump the old server, restore into the new one",
      commands: [
        `${oldExec(project, service.name)} mongodump --archive --gzip > ${quoted(folder)}/${key}.archive.gz   # with -u, -p and --authenticationDatabase admin where it asks`,
        `cd ${quoted(folder)}`,
        `./prod.sh start ${key}`,
        `docker compose exec -T ${key} mongorestore --archive --gzip < ${key}.archive.gz   # with the login of RUNBOOK.md`,
      ],
    },
  ],
  traefik: () => [],
};

function oldExec(project: ComposeProject, service: string): string {
  return `docker compose --project-directory ${quoted(project.folder)} exec -T ${service}`;
}

function movePostgres(
  { key, service, environment, section }: Part,
  project: ComposeProject,
  folder: string,
  { users }: Around,
): DataMove[] {
  const user = environment.POSTGRES_USER ?? environment.POSTGRESQL_USERNAME ?? "postgres";
  const database = environment.POSTGRES_DB ?? environment.POSTGRESQL_DATABASE ?? user;
  const [target = "DATABASE", ...others] = (section.databases as string[] | undefined) ?? users;
  const which = others.length === 0 ? "" : ` (that of ${target}; one each for ${others.join(", ")} begins empty)`;
  return [
    {
      key,
      what: `dump the old database, load it into the new one${which}; the new one must be empty, so do it before the apps have run`,
      commands: [
        `${oldExec(project, service.name)} pg_dump --username ${plain(user)} --no-owner --no-privileges ${plain(database)} > ${quoted(folder)}/${key}.sql`,
        `cd ${quoted(folder)}`,
        `./prod.sh start ${key} ${key}-setup`,
        `docker compose exec -T ${key} psql --username ${target} --dbname ${target} --set ON_ERROR_STOP=1 --single-transaction < ${key}.sql`,
        `rm ${key}.sql`,
      ],
    },
  ];
}

/** A copy over the network needs no stop of the old server and no file of its format. */
function moveRedis(
  { key, service, type, section }: Part,
  project: ComposeProject,
  folder: string,
  { alone }: Around,
): DataMove[] {
  if (section.profile === "cache") return [];
  const shell = `./prod.sh ${type === "valkey" ? "valkey-cli" : "redis-cli"}${alone ? "" : ` ${key}`}`;
  return [
    {
      key,
      what: "let the new server copy the old one over the network, then stand alone (it must not be older than the old one)",
      commands: [
        `cd ${quoted(folder)}`,
        `./prod.sh start ${key}`,
        `old=$(docker compose --project-directory ${quoted(project.folder)} ps -q ${service.name})`,
        `docker network connect --alias old-${key} "$(docker compose config --format json | grep -o '"[a-z0-9-]*_${key}"' | head -n 1 | tr -d '"')" "$old"`,
        `${shell} REPLICAOF old-${key} 6379   # where the old one has a password: CONFIG SET masterauth before`,
        `${shell} INFO replication   # until it says master_link_status:up`,
        `${shell} REPLICAOF NO ONE`,
      ],
    },
  ];
}

/** How the content of volumes gets into the stack's own. */
export function volumeMoves(
  part: Part,
  stack: string,
  volumes: readonly { name: string; path: string; old: string; of?: string }[],
  folder: string,
): DataMove[] {
  const moved = volumes.filter(({ old, of }) => old !== "" && of === undefined);
  if (moved.length === 0) return [];
  return [
    {
      key: part.key,
      what: `copy ${moved.map(({ path }) => path).join(", ")} while neither the old nor the new container runs`,
      commands: [
        `cd ${quoted(folder)}`,
        `docker compose create ${part.key}`,
        ...moved.map(
          ({ name, old }) =>
            `docker run --rm -v ${quoted(old)}:/from:ro -v ${stack}_${part.key}-${name}:/to busybox:1.38.0 cp -a /from/. /to/`,
        ),
      ],
    },
  ];
}

function plain(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : "<see the old file>";
}

/** With `~` left to the shell. */
function quoted(path: string): string {
  return path.startsWith("~/") ? `~/${shellWord(path.slice(2))}` : shellWord(path);
}
