import type { DataSource } from "../../stack/data-source.ts";
import { runToEnd, toolbox } from "../backup/container.ts";
import type { Context } from "../context.ts";
import { engineName } from "../engine-name.ts";
import type { Journal } from "../journal.ts";
import { makeNewVolume } from "./load.ts";
import type { SwapPair } from "./swap.ts";

/** A service and the volume of it that is made of what another one holds. */
export type Follower = NonNullable<DataSource["follows"]>[number];

/** What is emptied along when these are restored, each volume once; what is restored itself does not follow. */
export function followersOf(sources: readonly DataSource[]): Follower[] {
  const taken = new Set(sources.map(({ volume }) => volume));
  return sources
    .flatMap(({ follows = [] }) => follows)
    .filter(({ volume }) => {
      const isFirst = !taken.has(volume);
      taken.add(volume);
      return isFirst;
    });
}

/** Empty volumes that wait to take the place of the followers' own. */
export interface EmptyVolumes {
  pairs: SwapPair[];
  discard(): Promise<void>;
}

/**
 * Makes an empty volume for each follower, owned and open as the live one: its server has to be able to write there, and
 * a container that is there already gives a volume no owner. The live ones are looked at and not touched.
 */
export async function emptyVolumes(
  context: Context,
  journal: Journal,
  id: string,
  followers: readonly Follower[],
): Promise<EmptyVolumes> {
  const { engine, model } = context;
  const pairs: SwapPair[] = [];
  const discard = async () => {
    for (const { restored } of pairs) await engine.removeVolume(restored);
  };
  try {
    for (const { volume } of followers) {
      const restored = engineName(model, `${volume}_restore-${id}`);
      await makeNewVolume(context, journal, { name: restored, replaces: volume, purpose: "restore" });
      pairs.push({ restored, replaces: engineName(model, volume) });
    }
    if (pairs.length > 0) await ownAlike(context, pairs);
    return { pairs, discard };
  } catch (error) {
    await discard().catch(() => {});
    throw error;
  }
}

async function ownAlike(context: Context, pairs: readonly SwapPair[]): Promise<void> {
  const script =
    'for new in /new/*; do live=/live/${new##*/}; chown --reference="$live" "$new"; chmod --reference="$live" "$new"; done';
  await runToEnd(context, "Giving empty volumes the owners of those that they replace", {
    purpose: "restore",
    image: await toolbox(context),
    user: "0:0",
    entrypoint: ["sh", "-euc", script],
    command: [],
    volumes: pairs.flatMap(({ restored, replaces }) => [
      { volume: replaces, target: `/live/${replaces}`, readOnly: true },
      { volume: restored, target: `/new/${replaces}`, readOnly: false },
    ]),
    // To look at folders that are closed to others, and to give new ones away.
    capabilities: ["DAC_OVERRIDE", "CHOWN", "FOWNER"],
  });
}
