import type { RunbookNote } from "../../stack/model.ts";
import { metaFolder, namesOf } from "./services.ts";

/** What to do where the server does not open its metadata any more; the one thing of it that is done by hand. */
export function runbookNote(key: string): RunbookNote {
  const { meta } = namesOf(key);
  return {
    title: `${key} does not start: its metadata are damaged`,
    text: `\`${key}\` keeps the objects in one volume and the list of them (names, keys, places) in another, \`${meta}\`. Of the list it makes
a snapshot every six hours and at each backup, beside the objects. When \`./prod.sh logs ${key}\` says that LMDB cannot be opened
or read, put the list aside; the next start takes the newest snapshot. What was uploaded since then is not in it.

\`\`\`sh
docker compose stop ${key}
docker compose run --rm --entrypoint sh ${key}-metadata -c 'mkdir -p ${metaFolder}/damaged && mv ${metaFolder}/db.lmdb ${metaFolder}/damaged/'
./prod.sh start
\`\`\`

When all is well again, remove the folder \`damaged\` in that volume.`,
  };
}
