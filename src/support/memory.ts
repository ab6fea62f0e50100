import { setFlagsFromString } from "node:v8";

/**
 * Keeps the young generation of the heap as small as it begins. What passes through in large buffers is soon garbage, and
 * V8 would rather let it pile up: the supervisor shares a small server with what it is there for. For this process alone.
 */
export function keepMemorySmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}
