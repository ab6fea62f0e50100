import type { RunbookNote } from "../../stack/model.ts";

/** A full disk is the one thing that it tells its clients in words that say something else. */
export function runbookNote(key: string): RunbookNote {
  return {
    title: `${key} takes no more uploads`,
    text: `With less than one percent of the disk free \`${key}\` closes its volumes for writing. Downloads go on, and nothing that it confirmed
is lost; uploads fail with \`InternalError\`. \`./prod.sh status\` shows the free room and how many volumes are closed. Make room
(\`df -h\`, old copies: \`./prod.sh backup prune\`), and it opens them again by itself within a minute.

What is deleted in it is given back later: \`echo 'lock; volume.vacuum -garbageThreshold 0.01; unlock' | ./prod.sh weed\` does it at once,
and needs as much free room as the largest volume holds.`,
  };
}
