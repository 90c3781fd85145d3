/**
 * Adds items to the end of an array, however many there are: `push(...items)` takes as many arguments as fit
 * on the stack, some 100,000.
 */
export function appendAll<T>(target: T[], items: Iterable<T>): void {
  for (const item of items) target.push(item);
}
