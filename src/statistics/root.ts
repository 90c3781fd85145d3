/** Where a function that grows passes zero between `low` and `high`, by halving until no number lies between. */
export function rootOf(rising: (x: number) => number, low: number, high: number): number {
  let [below, above] = [low, high];
  for (let step = 0; step < 1_100; step++) {
    const middle = below + (above - below) / 2;
    if (middle === below || middle === above) break;
    if (rising(middle) < 0) below = middle;
    else above = middle;
  }
  return above;
}
