/** What is wrong with Arrow data; whoever knows the file and the batch makes a `VarveError` of it. */
export class ArrowDamage extends Error {}

/** @throws {@link ArrowDamage} with the message unless the condition holds */
export function assertSound(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new ArrowDamage(message());
}
