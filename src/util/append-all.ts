/**
 * Appends any number of items to an array; `push(...items)` is limited to the arguments that fit on the
 * stack, about 100,000.
 */
export function appendAll<T>(target: T[], items: Iterable<T>): void {
  for (const item of items) target.push(item);
}
