import type { World } from "./world.ts";

/**
 * Milliseconds to wait before try `attempt` (0 for the first repeat): exponential from `base`, at most
 * `longest`, with full jitter.
 */
export function backoffDelay(
  world: Pick<World, "random">,
  attempt: number,
  base: number,
  longest: number,
): number {
  return Math.floor(world.random() * Math.min(longest, base * 2 ** Math.min(attempt, 30)));
}
