/** The oldest engine that has all that a stack needs. */
export const leastEngine = "20.10";
/** The oldest engine that checks new containers at the interval of their start. */
export const goodEngine = "25.0";
/** The oldest Compose that reads env files literally. */
export const leastCompose = "2.30";

/** True where the first version is the second or a later one. */
export function isAtLeast(version: string, least: string): boolean {
  const parts = (text: string) => (text.match(/\d+/g) ?? []).map(Number);
  const [have, want] = [parts(version), parts(least)];
  for (const [index, wanted] of want.entries()) {
    const found = have[index] ?? 0;
    if (found !== wanted) return found > wanted;
  }
  return true;
}
