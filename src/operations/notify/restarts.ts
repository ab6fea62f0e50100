import type { StackModel } from "../../stack/model.ts";
import { formatAge } from "../../support/units.ts";
import { isRecent } from "../watch/decide.ts";
import type { WatchMemory } from "../watch/memory.ts";
import type { Trouble } from "./trouble.ts";

/** Services that `watch` has restarted because they were unhealthy; over once the watch has forgotten it. */
export function restartTroubles(
  model: Pick<StackModel, "services">,
  { services }: Pick<WatchMemory, "services">,
  now: number,
): Trouble[] {
  return (
    Object.entries(services)
      // One that nobody watches any more is forgotten all the same.
      .filter(([, attended]) => isRecent(attended, now))
      .map(([name, { restarts, restartedAt }]) => {
        const component = model.services.find((service) => service.name === name)?.component;
        const times = restarts === 1 ? "" : `, ${restarts} times in a row`;
        return {
          key: `restart/${name}`,
          name: "ServiceRestarted",
          // That it does not help is told as the service that is down.
          severity: "warning",
          ...(component !== undefined && { component }),
          service: name,
          title: `${name} was unhealthy and was restarted by watch${times}`,
          lines: [`Last time: ${formatAge(now - restartedAt)} ago`],
          command: `./prod.sh logs ${name} --since 30m`,
          holds: 0,
          clears: 0,
        };
      })
  );
}
