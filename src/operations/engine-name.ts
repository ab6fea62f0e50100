import type { StackModel } from "../stack/model.ts";

/** Name of a volume or network of the model as the engine knows it. */
export function engineName({ name }: Pick<StackModel, "name">, part: string): string {
  return `${name}_${part}`;
}
