import type { RunbookNote } from "../../stack/model.ts";
import { formatDuration } from "../../support/units.ts";
import type { RedisOptions } from "./options.ts";
import { sentinelNames } from "./sentinel-names.ts";

/** What the sentinels do for somebody at night, and what they cannot do on one host. */
export function sentinelNote(key: string, options: RedisOptions): RunbookNote {
  const { servers, sentinels } = sentinelNames(key);
  const [first = key] = servers;
  const verb = options.engine;
  return {
    title: `What the sentinels of ${key} can do, and what not`,
    text: `\`${servers.join("`, `")}\` hold the same; one of them is the primary and takes the writes. \`./prod.sh status\` says which.

- **One of them dies, hangs, or loses its volume:** if it was the primary, another one takes over. It must be silent for
  ${formatDuration(options.failoverAfter)} before two of the three sentinels agree on that; writes fail for 2 to 3 seconds longer. The one that failed comes back as a replica.
- **Two of them:** the last one answers what is read and refuses writes (\`NOREPLICAS\`), because nobody would have a copy of them.
- **Two sentinels:** all goes on, but nobody can take over any more.
- **This host, its disk, its power:** everything is gone at once, as with a single server. Sentinels on one host are no protection against that,
  and no backup: what is deleted by mistake is deleted on all three. After a loss of power the same one is the primary as before.
- **The last writes before a failure:** a write is confirmed before the replicas have it, by a moment. What must not be
  lost, an app confirms with \`WAIT 1 1000\` after the write.

Before work on the primary, have another one take over; then nothing waits for the sentinels:

\`\`\`sh
./prod.sh status                 # which one is the primary
./prod.sh ${verb} failover         # another one is, one to three seconds later
./prod.sh restart ${first}         # the one that is to be worked on
\`\`\`

No primary at all: \`./prod.sh start\`, then \`./prod.sh logs ${sentinels.join(" ")} --tail 50\`. A server that says \`has no role yet\` has a new, empty volume: \`./prod.sh start\` gives it one.`,
  };
}
